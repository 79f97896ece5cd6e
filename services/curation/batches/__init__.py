"""The next batch: groups chosen from what a dataset holds, marked, and kept with their reasons."""
