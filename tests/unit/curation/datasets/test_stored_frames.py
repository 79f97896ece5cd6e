"""Merging with stored frames that have lost a part."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from services.curation.datasets.append import AppendResult, append_frames
from services.curation.datasets.frames import get_frames
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.datasets.points import frames_collection, tenant_of
from services.curation.records import LOST_DIGEST, document_key, frame_key
from services.ledger.interface import Transaction
from services.records.records import encode
from sluice.errors import DataLoss
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.tensors import Embeddings
from tests.unit.curation.datasets.harness import (
    DIMENSION,
    NAME,
    DatasetHarness,
    frame,
    named_points,
    stored_points,
    vector,
)

CAR = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
DEVICE = FrameToAppend(Frame(id="a", device="truck-7"))


async def append(
    harness: DatasetHarness, new: FrameToAppend, *label_ids: str, replace: bool = False
) -> AppendResult:
    """Append a frame, with an embedding for each of these label ids."""
    embeddings = None
    if label_ids:
        rows = np.stack([vector(f"a{label_id}") for label_id in label_ids])
        embeddings = Embeddings("m", rows, np.zeros(len(rows), np.int64), list(label_ids))
    request = AppendRequest([new], embeddings, replace=replace)
    return await append_frames(harness.curation, NAME, request)


async def test_a_lost_document_is_not_merged(harness: DatasetHarness) -> None:
    """A merge would hide the loss: it is refused by name, and a whole frame is taken."""
    await append(harness, frame("a", CAR))
    key = document_key(NAME.dataset, "a")
    await harness.curation.stores.ledger.commit(Transaction(NAME.project, deletes=[key]))

    with pytest.raises(DataLoss, match="datasets/d/frames/a has lost its document; run `sluice"):
        await append(harness, DEVICE)
    assert AppendResult(0, 1, 0) == await append(harness, DEVICE, replace=True)
    [stored] = await get_frames(harness.curation.stores, NAME, ["a"])
    assert DEVICE.frame == stored.frame


async def test_a_frame_takes_the_place_of_a_loss_that_is_noted(harness: DatasetHarness) -> None:
    """After the doctor has noted a loss, the frame is stored as it is appended."""
    await append(harness, frame("a", CAR))
    [stored] = await get_frames(harness.curation.stores, NAME, ["a"])
    marked = structs.replace(stored.row, document_digest=LOST_DIGEST)
    puts = {frame_key(NAME.dataset, "a"): encode(marked)}
    await harness.curation.stores.ledger.commit(Transaction(NAME.project, puts=puts))

    assert AppendResult(0, 1, 0) == await append(harness, DEVICE)
    [stored] = await get_frames(harness.curation.stores, NAME, ["a"])
    assert DEVICE.frame == stored.frame


async def test_a_lost_crop_is_not_merged(harness: DatasetHarness) -> None:
    """The embedding of a crop that stays must be there; all of them again are taken."""
    await append(harness, frame("a", CAR), "", "l")
    stores, collection = harness.curation.stores, frames_collection(NAME.project, "m", DIMENSION)
    lost = list(await stored_points(harness))
    await stores.vectors.delete(collection, tenant_of(NAME), lost)

    again = FrameToAppend(Frame(id="a", labels=(Label(id="k", class_name="car", shape=CAR.shape),)))
    with pytest.raises(DataLoss, match="frames/a has lost an embedding"):
        await append(harness, again)
    assert AppendResult(0, 1, 0) == await append(harness, again, "", "k")
    assert await named_points(harness, "a") == await stored_points(harness)
