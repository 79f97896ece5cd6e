"""Ingest: takes what loggers have seen, decides what is collected, and keeps the samples."""
