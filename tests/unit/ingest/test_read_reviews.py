"""Reading reviews: what counts, with which vector, and what is missing is never left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.ingest.points import sample_point
from services.ingest.read_reviews import read_reviews
from services.ingest.records import Review, document_key
from services.ingest.review_samples import ReviewRequest, review_samples
from services.ingest.submit import start, submit
from services.ledger.interface import Transaction
from services.peers.reviews import ReviewedSample
from services.records.idempotency import IdempotentRequest
from sluice import errors
from sluice.labels import Box2D, Label
from sluice.names import CampaignName
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from tests.unit.ingest.doctor.tampering import CAMPAIGN, EYE, SAMPLES, TENANT, decide_only
from tests.unit.ingest.harness import (
    MODEL_ID,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    open_harness,
    session,
)

IDS = ["a", "b", "c", "d", "e"]
VECTORS = dict(zip(IDS, normalise(EYE[:1] * 2 + EYE[1:6]), strict=True))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[IngestHarness]:
    """A world with five samples of one campaign, none of them reviewed."""
    async with open_harness(tmp_path) as found:
        await found.commit("c", EYE[:1])
        await start(found.ingest, session())
        frames = [(frame(frame_id), vector) for frame_id, vector in VECTORS.items()]
        batch = found.batch(frames, override=0.0)
        await submit(found.ingest, session(), delivery(1, batch, "1"))
        await found.projector().drain(PROJECT)
        yield found


async def say(harness: IngestHarness, verdict: Review, *frame_ids: str) -> None:
    """Review samples."""
    await review_samples(
        harness.ingest,
        ReviewRequest(CAMPAIGN, frame_ids, verdict, IdempotentRequest.of("Review", "", b"")),
    )


async def said(harness: IngestHarness) -> dict[str, tuple[ReviewedSample, bytes]]:
    """All reviewed samples by frame id, each met once, with their vectors."""
    found = [
        (sample, vector.tobytes())
        async for page in read_reviews(harness.ingest, CAMPAIGN)
        for sample, vector in zip(page.samples, page.vectors, strict=True)
    ]
    by_frame = {sample.frame_id: (sample, vector) for sample, vector in found}
    assert len(by_frame) == len(found)
    return by_frame


@pytest.mark.parametrize("page", [2, 256])
async def test_the_last_review_counts(
    harness: IngestHarness, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is accepted or discarded now is told, with its vector; what was restored is not."""
    monkeypatch.setattr("services.ingest.read_reviews.PAGE", page)
    assert {} == await said(harness)
    await say(harness, Review.ACCEPTED, "a", "b", "c")
    await say(harness, Review.DISCARDED, "c", "d")
    await say(harness, Review.UNSORTED, "b")

    expected = {
        frame_id: (ReviewedSample(frame_id, "", accepted), VECTORS[frame_id].tobytes())
        for frame_id, accepted in (("a", True), ("c", False), ("d", False))
    }
    assert expected == await said(harness)


async def test_a_crop_is_told_with_its_own_vector(harness: IngestHarness) -> None:
    """A sample that matches by a crop is that crop."""
    labels = [Label(id="l", class_name="car", shape=Box2D(1, 2, 3, 4))]
    near, far = EYE[0] * 2 + EYE[7], EYE[6]
    batch = harness.batch([(frame("f", labels=labels), near)], override=0.0)
    rows = Embeddings(MODEL_ID, np.stack([far, near]), np.zeros(2, np.intp), ["", "l"])
    await submit(harness.ingest, session(), delivery(2, replace(batch, embeddings=rows), "2"))
    await harness.projector().drain(PROJECT)
    await say(harness, Review.ACCEPTED, "f")

    expected = normalise(near[None])[0].tobytes()
    assert {"f": (ReviewedSample("f", "l", accepted=True), expected)} == await said(harness)


async def test_a_lost_vector_is_named(harness: IngestHarness) -> None:
    """A reviewed sample whose vector is gone is DATA_LOSS, until it is restored."""
    await say(harness, Review.DISCARDED, "a", "b")
    await harness.stores.vectors.delete(SAMPLES, TENANT, [sample_point(PROJECT, "c", "b")])

    with pytest.raises(errors.DataLoss, match="campaigns/c/samples/b: its vector is lost"):
        await said(harness)

    await say(harness, Review.UNSORTED, "b")
    assert ["a"] == list(await said(harness))


async def test_a_lost_document_is_named(harness: IngestHarness) -> None:
    """A reviewed sample whose document is gone is DATA_LOSS too."""
    await say(harness, Review.ACCEPTED, "a")
    gone = Transaction(PROJECT, deletes=[document_key("c", "a")])
    await harness.stores.ledger.commit(gone)

    with pytest.raises(errors.DataLoss, match="campaigns/c/samples/a: its document is lost"):
        await said(harness)


async def test_a_vector_on_its_way_is_told(harness: IngestHarness) -> None:
    """A sample that is decided, and not in the vector store yet, has the vector it will have."""
    batch = harness.batch([(frame("n"), EYE[0] * 2 + EYE[6])], override=0.0)
    await submit(harness.ingest, session(), delivery(2, batch, "2"))
    await decide_only(harness)
    await say(harness, Review.ACCEPTED, "n")

    before = await said(harness)
    await harness.projector().drain(PROJECT)

    assert ["n"] == list(before)
    assert before == await said(harness)


async def test_an_unknown_campaign_is_not_found(harness: IngestHarness) -> None:
    """A campaign that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        await anext(aiter(read_reviews(harness.ingest, CampaignName(PROJECT, "none"))))
