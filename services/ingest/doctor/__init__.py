"""Examining what ingest keeps: rows, counters, outbox, samples; see docs/adr/0011-doctor.md."""
