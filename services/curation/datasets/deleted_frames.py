"""Frames that were deleted, and that no dataset takes in any more."""

from __future__ import annotations

from typing import Final

from services.records.tombstones import Tombstones

TOMBSTONES: Final = Tombstones("curation")
