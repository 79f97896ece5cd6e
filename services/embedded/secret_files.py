"""Secrets in files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path


def keep(path: Path, secret: str) -> None:
    """Write a secret as one line, whole or not at all; durable when this returns."""
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def kept(path: Path) -> str | None:
    """The secret that is kept there, None when there is none."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
