"""Progress: what each round of labelling brought, and whether another one is worth it."""
