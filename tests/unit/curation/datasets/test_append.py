"""Appending frames while stores fail, and while others change the same dataset."""

from __future__ import annotations

import asyncio

import pytest

from services.curation.datasets.append import AppendResult
from services.curation.datasets.counts import count_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.frames import (
    get_frames,
    list_frames,
)
from services.curation.datasets.updates import GroupUpdate, tag_frames, update_groups
from services.curation.records import Status
from services.records.pages import read_page
from sluice.errors import InvalidArgument, Unavailable
from sluice.labels import Box2D, Label
from tests.unit.campaign.faults import failing, overtaken
from tests.unit.curation.datasets.harness import (
    NAME,
    ONCE,
    DatasetHarness,
    frame,
    named_points,
    stored_points,
)


async def numbers(harness: DatasetHarness) -> dict[str, int]:
    """The frames of the dataset in their order, each with its number."""
    page = read_page(1_000, "", "test")
    frames, _ = await list_frames(harness.curation, NAME, EVERYTHING, page)
    return {frame.row.id: frame.row.number for frame in frames}


async def test_a_failed_vector_store_adds_nothing(harness: DatasetHarness) -> None:
    """Frames are added with their vectors or not at all; tried again, they are."""
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "write"))
    with pytest.raises(Unavailable):
        await broken.append("a", "b")

    assert {} == await numbers(harness)
    assert AppendResult(2, 0, 0) == await broken.append("a", "b")
    assert await named_points(harness, "a", "b") == await stored_points(harness)


async def test_appends_take_turns(harness: DatasetHarness) -> None:
    """Of calls at once each frame gets one number, and none is lost or counted twice."""
    calls = [harness.append(f"a{n}", f"b{n}", "shared") for n in range(6)]
    results = await asyncio.gather(*calls)
    counts = await count_frames(harness.curation, NAME)

    assert 13 == sum(call.added_count for call in results)
    assert list(range(1, 14)) == list((await numbers(harness)).values())
    assert (13, 13) == (counts.frames.count, counts.groups)


async def test_only_new_frames_get_numbers(harness: DatasetHarness) -> None:
    """Frames that are replaced in a call between new ones keep theirs, and leave no gap."""
    await harness.append("a", "b")
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    await harness.append("c", frame("a", label), "d")
    await harness.append("e")

    assert {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5} == await numbers(harness)


async def test_a_change_in_between_is_not_lost(harness: DatasetHarness) -> None:
    """Tags and a status that come while a frame is replaced stay as they are."""
    await harness.append("a")
    curation = harness.curation

    async def meanwhile() -> None:
        await tag_frames(curation, ONCE, NAME, ["a"], ["night"], [])
        await update_groups(curation, ONCE, NAME, ["a"], GroupUpdate(Status.SELECTED))

    changed = harness.with_stores(ledger=overtaken(curation.stores.ledger, "commit", meanwhile()))
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    assert AppendResult(0, 1, 0) == await changed.append(frame("a", label))
    [stored] = await get_frames(curation.stores, NAME, ["a"])

    assert (("night",), Status.SELECTED) == (stored.row.tags, stored.group.status)
    assert (label,) == stored.frame.labels
    counts = await count_frames(curation, NAME)
    assert (0, 1) == (counts.by_status[Status.UNLABELLED], counts.by_status[Status.SELECTED])


async def test_a_group_has_so_many_slices(harness: DatasetHarness) -> None:
    """The slice over the limit is named, and its whole call refused."""
    slices = [frame(f"a{n}", group="g", slice_=str(n)) for n in range(65)]
    with pytest.raises(InvalidArgument, match=r"frames\[64\].group \(frame 'a64'\): 'g' has 64"):
        await harness.append(*slices)
    assert {} == await numbers(harness)
