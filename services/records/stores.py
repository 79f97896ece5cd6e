"""The three stores that every service works on."""

from __future__ import annotations

from dataclasses import dataclass

from services.blobs.interface import Blobs
from services.ledger.interface import Ledger
from services.vectors.interface import Vectors


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that hold all state of a service."""

    ledger: Ledger
    vectors: Vectors
    blobs: Blobs
