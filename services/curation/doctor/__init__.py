"""Examining what curation keeps of datasets; see docs/adr/0011-doctor.md."""
