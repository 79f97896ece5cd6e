"""Selecting groups for a batch: pure functions of arrays, settings and a seed."""
