"""Examining ingest's rows, counters, outbox and samples; see docs/adr/0011-doctor.md."""
