"""A project that a doctor examines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ingest.records import Review
from services.ingest.submit import start
from tests.unit.ingest.harness import EYE, PROJECT, IngestHarness, open_harness, session
from tests.unit.ingest.tampering import send

# So that the asserts of these helpers show the values, as those of tests do.
pytest.register_assert_rewrite("tests.unit.ingest.doctor.repairs")


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """A project with collected, reviewed and pending samples, duplicates and near duplicates.

    Of campaign `c`, frames `a` (accepted) and `b` are collected, `aa` and `bb` near duplicates,
    and `c` is pending.
    """
    async with open_harness(tmp_path) as harness:
        await harness.commit("c", EYE[:1], threshold=0.1)
        await harness.commit("other", EYE[1:2], threshold=0.1)
        await start(harness.ingest, session())
        await send(harness, 1, "a", "aa", "b")
        await send(harness, 2, "a", "bb")
        await harness.projector().drain(PROJECT)
        await harness.review(Review.ACCEPTED, "a")
        await send(harness, 3, "c")
        yield harness
