"""The cluster form on this machine: `make cluster`."""
