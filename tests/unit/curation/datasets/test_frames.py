"""Reading frames while pages are bounded, vectors are lost, and others change them."""

from __future__ import annotations

import numpy as np
import pytest

from services.curation.datasets import points
from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.frames import (
    list_frames,
    stream_frames,
)
from services.curation.datasets.new_frames import AppendRequest
from services.records.pages import read_page
from sluice.errors import DataLoss
from sluice.scoring.vectors import normalise
from tests.unit.campaign.faults import overtaken
from tests.unit.curation.datasets.harness import NAME, DatasetHarness, frame, named_points, vector


async def test_a_lost_vector_is_named(harness: DatasetHarness) -> None:
    """A frame whose point is gone is DATA_LOSS by its name, and no frame gets another's vector."""
    await harness.append("a", "b")
    [lost] = await named_points(harness, "b")
    space = (await read_dataset_frames(harness.curation.stores, NAME)).record
    collection = points.frames_collection(NAME.project, space.model_id, space.dimension)
    await harness.curation.stores.vectors.delete(collection, points.tenant_of(NAME), [lost])
    with pytest.raises(DataLoss, match="frame 'b' of projects/p/datasets/d"):
        _ = [
            each
            async for each in stream_frames(
                harness.curation, NAME, EVERYTHING, with_embeddings=True
            )
        ]


async def test_pages_are_bounded_by_their_bytes(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large frames come in more pages and parts, all of them once, with the right vectors."""
    monkeypatch.setattr("services.curation.datasets.frames.PAGE_BYTES_MAX", 5)
    ids = [f"frame-{number}" for number in range(4)]
    await harness.append(*ids)
    first, token = await list_frames(
        harness.curation, NAME, EVERYTHING, read_page(1_000, "", "test")
    )
    rest, _ = await list_frames(harness.curation, NAME, EVERYTHING, read_page(1_000, token, "test"))
    parts = [
        part
        async for part in stream_frames(harness.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ids[:2] == [each.row.id for each in (*first, *rest)]
    assert ids == [each.row.id for part in parts for each in part.frames]
    assert [1] * 4 == [len(part.frames) for part in parts]
    for id, part in zip(ids, parts, strict=True):
        assert part.embeddings is not None
        np.testing.assert_array_equal(normalise(vector(id)[None]), part.embeddings.vectors)


async def test_embeddings_that_are_replaced_while_read_are_not_lost(
    harness: DatasetHarness,
) -> None:
    """Who reads a frame while it gets another embedding reads the new one."""
    await harness.append("a")

    async def meanwhile() -> None:
        await harness.append("a", seed=1)

    vectors = overtaken(harness.curation.stores.vectors, "retrieve", meanwhile())
    changed = harness.with_stores(vectors=vectors).curation
    [part] = [part async for part in stream_frames(changed, NAME, EVERYTHING, with_embeddings=True)]

    assert part.embeddings is not None
    np.testing.assert_array_equal(normalise(vector("a", 1)[None]), part.embeddings.vectors)


async def test_frames_without_embeddings_come_last_in_their_part(harness: DatasetHarness) -> None:
    """In one part of a stream the rows of embeddings are those of the first frames."""
    await harness.append("a")
    await append_frames(harness.curation, NAME, AppendRequest([frame("bare")]))
    await harness.append("b")
    [part] = [
        part
        async for part in stream_frames(harness.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ["a", "b", "bare"] == [each.row.id for each in part.frames]
    assert part.embeddings is not None
    assert [0, 1] == part.embeddings.frame_of_row.tolist()
    rows = normalise(np.stack([vector("a"), vector("b")]))
    np.testing.assert_array_equal(rows, part.embeddings.vectors)
