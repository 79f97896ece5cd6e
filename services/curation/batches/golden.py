"""Whether the golden checks of a dataset let a new batch through."""

from __future__ import annotations

from typing import Protocol

from services.platform.stores import Stores
from sluice.names import DatasetName


class GoldenBlock(Protocol):
    """Says what the golden checks of a dataset have against a new batch."""

    async def __call__(self, stores: Stores, name: DatasetName) -> str | None:
        """Which check failed and why, in a sentence without its full stop; None: none blocks."""


async def golden_block(stores: Stores, name: DatasetName) -> str | None:
    """None: there are no golden checks yet."""
    return None
