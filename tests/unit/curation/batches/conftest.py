"""What the tests of batches share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.curation.batches.batches import scenes
from tests.unit.curation.datasets.world import World, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with forty groups of two slices each."""
    async with world(tmp_path) as found:
        await found.append(*scenes(40))
        yield found
