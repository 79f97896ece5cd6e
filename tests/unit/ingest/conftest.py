"""Ingest with one campaign."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.ingest.harness import EYE, IngestHarness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """A harness with the campaign `c`, which has the first axis as its one element."""
    async with open_harness(tmp_path) as harness:
        await harness.commit("c", EYE[:1])
        yield harness
