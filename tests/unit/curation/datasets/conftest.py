"""What the tests of the frames of datasets share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.curation.datasets.harness import DatasetHarness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A world with a dataset of boxes around cars and trams."""
    async with open_harness(tmp_path) as found:
        yield found
