"""Rounds of training: predictions, what they are worth, and failures."""
