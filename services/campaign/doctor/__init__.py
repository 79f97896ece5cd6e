"""Examining what the campaign service keeps: issues, versions, snapshots, files; see docs/adr."""
