"""Fixtures of the tests of batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.curation.batches.helpers import scenes
from tests.unit.curation.datasets.harness import DatasetHarness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A dataset with forty groups of two slices each."""
    async with open_harness(tmp_path) as harness:
        await harness.append(*scenes(40))
        yield harness
