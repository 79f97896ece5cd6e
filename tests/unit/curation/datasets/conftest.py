"""What the tests of the frames of datasets share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.curation.datasets.world import World, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a dataset of boxes around cars and trams."""
    async with world(tmp_path) as found:
        yield found
