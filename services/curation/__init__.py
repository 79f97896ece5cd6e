"""Curation: datasets, the golden set, the next batch, and when to stop."""
