"""The doctor of issues, versions, snapshots and files; see docs/adr."""
