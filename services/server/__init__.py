"""How a process starts, serves and stops."""
