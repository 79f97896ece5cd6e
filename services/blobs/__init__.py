"""The blob store: immutable files named by their content."""
