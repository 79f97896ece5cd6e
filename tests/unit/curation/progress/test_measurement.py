"""Measuring a round while others change what it is measured from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.curation.datasets.append import append_frames
from services.curation.datasets.new_frames import AppendRequest
from services.curation.progress.measurement import MeasureRoundSpec
from services.curation.progress.recorded_rounds import record_measured_round
from services.curation.progress.records import RecordedRound
from services.curation.records import Split, Status
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.curation.rounds.rounds import create_round
from sluice.errors import Aborted
from sluice.labels import Box2D, Label
from sluice.names import RoundName
from tests.unit.campaign.faults import overtaken
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame, open_harness

ROUND = RoundName(NAME.project, NAME.dataset, "r")
CAR = Label(id="l", class_name="car", shape=Box2D(0, 0, 10, 10))
SPEC = MeasureRoundSpec(number=1, round="r", iou_min=0.5, score_min=0)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A harness with a round that predicts one frame correctly."""
    async with open_harness(tmp_path) as opened:
        new = AppendRequest([frame("a", CAR)], None, Status.ANNOTATED, Split.VALIDATION)
        await append_frames(opened.curation, NAME, new)
        await label(opened, "t")
        await create_round(opened.curation, ONCE, ROUND, "", Split.VALIDATION)
        await predict(opened, ScoredLabel(CAR, 1))
        yield opened


async def predict(harness: DatasetHarness, *predictions: ScoredLabel) -> None:
    """Import predictions of the frame."""
    await import_predictions(harness.curation, ROUND, [FramePredictions("a", predictions)])


async def label(harness: DatasetHarness, frame_id: str) -> None:
    """Add a labelled frame."""
    new = AppendRequest([frame(frame_id)], None, Status.ANNOTATED)
    await append_frames(harness.curation, NAME, new)


async def record(harness: DatasetHarness) -> tuple[RecordedRound, bool]:
    """Record the round."""
    return await record_measured_round(harness.curation, NAME, SPEC)


async def test_predictions_that_come_meanwhile_are_not_mixed(harness: DatasetHarness) -> None:
    """Samples of two imports would be of neither: the call is refused, and works when repeated."""
    ledger = overtaken(harness.curation.stores.ledger, "commit", predict(harness))
    with pytest.raises(Aborted, match=f"^{ROUND}: predictions were imported"):
        await record(harness.with_stores(ledger=ledger))
    made, added = await record(harness)

    assert (True, 0.0) == (added, made.mean)


async def test_of_two_at_once_the_first_counts(harness: DatasetHarness) -> None:
    """The slower call gets the record of the faster one, although its group count differs."""

    async def meanwhile() -> None:
        await label(harness, "u")
        assert (await record(harness))[1]

    ledger = overtaken(harness.curation.stores.ledger, "commit", meanwhile())
    made, added = await record(harness.with_stores(ledger=ledger))

    assert (False, 2) == (added, made.labelled_groups)
