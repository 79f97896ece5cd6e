"""Golden QA: whether a golden set, annotated again, still gets the labels that it had."""
