"""Frames of datasets and what is done with them round by round: status, splits, failures."""
