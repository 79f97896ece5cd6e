"""Progress: the gain of each round of labelling, and whether another one is worth it."""
