"""Changing the status and the tags of groups."""

from __future__ import annotations

from services.curation.datasets.frames import (
    get_frames,
)
from services.curation.datasets.updates import GroupUpdate, update_groups
from services.curation.records import Status
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame


async def test_marks_reach_every_slice(harness: DatasetHarness) -> None:
    """A group that is marked gets its status, and each of its slices the tags, at once."""
    await harness.append(frame("a", group="g", slice_="l"), frame("b", group="g", slice_="r"), "c")
    update = GroupUpdate(Status.SELECTED, add=("batch:x", "to_annotate"))
    count = await update_groups(harness.curation, ONCE, NAME, ["g"], update)
    frames = await get_frames(harness.curation.stores, NAME, ["a", "b", "c"])

    assert 1 == count.count
    assert [("batch:x", "to_annotate")] * 2 + [()] == [frame.row.tags for frame in frames]
    assert [Status.SELECTED] * 2 + [Status.UNLABELLED] == [frame.group.status for frame in frames]
