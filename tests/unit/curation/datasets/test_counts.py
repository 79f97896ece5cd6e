"""Counting the frames and groups of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import count_frames, read_dataset_frames
from services.curation.datasets.new_frames import AppendRequest
from services.curation.records import DatasetFrames, Split, Status
from services.records.documents import ATTEMPTS
from sluice.errors import Aborted, NotFound
from sluice.names import DatasetName
from tests.unit.curation.datasets.harness import DIMENSION, NAME, DatasetHarness, frame


async def test_groups_are_counted_by_status_and_split(harness: DatasetHarness) -> None:
    """A group of two slices counts once; held-out groups are not in the pool."""
    await harness.append(frame("a", group="g", slice_="l"), frame("b", group="g", slice_="r"))
    for frame_id, split in (("c", Split.TRAIN), ("d", Split.TEST)):
        request = AppendRequest([frame(frame_id)], None, Status.ANNOTATED, split)
        await append_frames(harness.curation, NAME, request)
    counts = await count_frames(harness.curation, NAME)

    assert (4, 3) == (counts.frames.count, counts.groups)
    assert (1, 2) == (counts.by_status[Status.UNLABELLED], counts.by_status[Status.ANNOTATED])
    assert (1, 1) == (counts.by_split[Split.TRAIN], counts.by_split[Split.TEST])
    assert (2, 1) == (counts.pool(), counts.pool(Status.ANNOTATED))


async def test_the_space_comes_with_the_first_embedding(harness: DatasetHarness) -> None:
    """A dataset without frames counts none and has no space; embeddings set it."""
    stores = harness.curation.stores
    assert DatasetFrames() == (await read_dataset_frames(stores, NAME)).record
    await harness.append("a")
    expected = DatasetFrames(count=1, model_id="m", dimension=DIMENSION, rows_per_frame_max=1)

    assert expected == (await read_dataset_frames(stores, NAME)).record


async def append_while_counting(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Append a frame after each of the next reads of counters."""
    ledger, frame_ids = harness.curation.stores.ledger, iter(range(times))
    read_counters = ledger.counters

    async def counters(partition: str, names: Sequence[str]) -> dict[str, int]:
        values = await read_counters(partition, names)
        if (number := next(frame_ids, None)) is not None:
            await harness.append(f"late{number}")
        return values

    monkeypatch.setattr(ledger, "counters", counters)


async def test_frames_and_groups_are_counted_at_one_moment(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one frame in each group there are as many, though a frame is appended meanwhile."""
    await harness.append("a")
    await append_while_counting(harness, monkeypatch, times=1)
    counts = await count_frames(harness.curation, NAME)

    assert (2, 2) == (counts.frames.remaining, counts.groups)


async def test_counts_of_different_moments_are_not_mixed(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While frames are appended during every attempt, the caller is asked to try again."""
    await append_while_counting(harness, monkeypatch, times=ATTEMPTS)
    with pytest.raises(Aborted, match="projects/p/datasets/d"):
        await count_frames(harness.curation, NAME)


async def test_a_missing_dataset_is_named(harness: DatasetHarness) -> None:
    """A dataset that does not exist has no counts."""
    with pytest.raises(NotFound, match="projects/p/datasets/none"):
        await count_frames(harness.curation, DatasetName("p", "none"))
