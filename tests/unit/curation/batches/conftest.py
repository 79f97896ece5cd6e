"""What the tests of batches share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.curation.batches.helpers import scenes
from tests.unit.curation.datasets.harness import DatasetHarness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A world with forty groups of two slices each."""
    async with open_harness(tmp_path) as found:
        await found.append(*scenes(40))
        yield found
