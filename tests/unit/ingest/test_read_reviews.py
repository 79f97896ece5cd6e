"""Reading the reviewed samples with their vectors; a sample with lost parts is an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.ingest.points import sample_point
from services.ingest.read_reviews import read_reviews
from services.ingest.records import Review, document_key
from services.ingest.submit import start, submit
from services.ledger.interface import Transaction
from services.peers.reviews import ReviewedSample
from sluice import errors
from sluice.labels import Box2D, Label
from sluice.names import CampaignName
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from tests.unit.ingest.harness import (
    CAMPAIGN,
    EYE,
    MODEL_ID,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    open_harness,
    session,
)
from tests.unit.ingest.tampering import SAMPLES, TENANT, decide_without_writing

IDS = ["a", "b", "c", "d", "e"]
VECTORS = dict(zip(IDS, normalise(EYE[:1] * 2 + EYE[1:6]), strict=True))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """Five samples of one campaign, none of them reviewed."""
    async with open_harness(tmp_path) as harness:
        await harness.commit("c", EYE[:1])
        await start(harness.ingest, session())
        frames = [(frame(frame_id), vector) for frame_id, vector in VECTORS.items()]
        batch = harness.batch(frames, override=0.0)
        await submit(harness.ingest, session(), delivery(1, batch, "1"))
        await harness.projector().drain(PROJECT)
        yield harness


async def read_all(harness: IngestHarness) -> dict[str, tuple[ReviewedSample, bytes]]:
    """All reviewed samples by frame id, each read once, with their vectors."""
    samples = [
        (sample, vector.tobytes())
        async for page in read_reviews(harness.ingest, CAMPAIGN)
        for sample, vector in zip(page.samples, page.vectors, strict=True)
    ]
    by_frame = {sample.frame_id: (sample, vector) for sample, vector in samples}
    assert len(by_frame) == len(samples)
    return by_frame


@pytest.mark.parametrize("page", [2, 256])
async def test_accepted_and_discarded_samples_are_read(
    harness: IngestHarness, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample has its last review state and its vector; a restored sample is left out."""
    monkeypatch.setattr("services.ingest.read_reviews.PAGE", page)
    assert {} == await read_all(harness)
    await harness.review(Review.ACCEPTED, "a", "b", "c")
    await harness.review(Review.DISCARDED, "c", "d")
    await harness.review(Review.UNSORTED, "b")

    expected = {
        frame_id: (ReviewedSample(frame_id, "", accepted), VECTORS[frame_id].tobytes())
        for frame_id, accepted in (("a", True), ("c", False), ("d", False))
    }
    assert expected == await read_all(harness)


async def test_the_best_samples_are_read_first(
    harness: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples come by falling score, over all pages."""
    monkeypatch.setattr("services.ingest.read_reviews.PAGE", 2)
    angles = {"f1": 1.05, "f2": 0.35, "f3": 1.4, "f4": 0.7}
    frames = [(frame(id), np.cos(a) * EYE[0] + np.sin(a) * EYE[7]) for id, a in angles.items()]
    await submit(harness.ingest, session(), delivery(2, harness.batch(frames, override=0.0), "2"))
    await harness.projector().drain(PROJECT)
    await harness.review(Review.ACCEPTED, *angles)
    pages = [page.samples async for page in read_reviews(harness.ingest, CAMPAIGN)]

    assert ["f2", "f4", "f1", "f3"] == [sample.frame_id for page in pages for sample in page]


async def test_a_crop_has_its_own_vector(harness: IngestHarness) -> None:
    """A sample that matched by a crop has the crop's label id and vector."""
    labels = [Label(id="l", class_name="car", shape=Box2D(1, 2, 3, 4))]
    near, far = EYE[0] * 2 + EYE[7], EYE[6]
    batch = harness.batch([(frame("f", labels=labels), near)], override=0.0)
    rows = Embeddings(MODEL_ID, np.stack([far, near]), np.zeros(2, np.intp), ["", "l"])
    await submit(harness.ingest, session(), delivery(2, replace(batch, embeddings=rows), "2"))
    await harness.projector().drain(PROJECT)
    await harness.review(Review.ACCEPTED, "f")

    expected = normalise(near[None])[0].tobytes()
    assert {"f": (ReviewedSample("f", "l", accepted=True), expected)} == await read_all(harness)


async def test_a_lost_vector_is_named(harness: IngestHarness) -> None:
    """A reviewed sample without its vector is DATA_LOSS, until it is restored."""
    await harness.review(Review.DISCARDED, "a", "b")
    await harness.stores.vectors.delete(SAMPLES, TENANT, [sample_point(PROJECT, "c", "b")])

    with pytest.raises(errors.DataLoss, match="campaigns/c/samples/b: its vector is lost"):
        await read_all(harness)

    await harness.review(Review.UNSORTED, "b")
    assert ["a"] == list(await read_all(harness))


async def test_a_lost_document_is_named(harness: IngestHarness) -> None:
    """A reviewed sample without its document is DATA_LOSS."""
    await harness.review(Review.ACCEPTED, "a")
    deletion = Transaction(PROJECT, deletes=[document_key("c", "a")])
    await harness.stores.ledger.commit(deletion)

    with pytest.raises(errors.DataLoss, match="campaigns/c/samples/a: its document is lost"):
        await read_all(harness)


async def test_an_unwritten_vector_is_read_from_the_outbox(harness: IngestHarness) -> None:
    """A sample that is decided, but not in the vector store yet, has its vector too."""
    batch = harness.batch([(frame("n"), EYE[0] * 2 + EYE[6])], override=0.0)
    await submit(harness.ingest, session(), delivery(2, batch, "2"))
    await decide_without_writing(harness)
    await harness.review(Review.ACCEPTED, "n")

    before = await read_all(harness)
    await harness.projector().drain(PROJECT)

    assert ["n"] == list(before)
    assert before == await read_all(harness)


async def test_an_unknown_campaign_is_not_found(harness: IngestHarness) -> None:
    """A campaign that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        await anext(aiter(read_reviews(harness.ingest, CampaignName(PROJECT, "none"))))
