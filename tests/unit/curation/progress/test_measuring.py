"""Measuring a round while others change what it is measured from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.curation.datasets.append import append_frames
from services.curation.datasets.new_frames import AppendRequest
from services.curation.progress.measurement import MeasureRoundSpec
from services.curation.progress.recorded_rounds import record_measured
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
WANTED = MeasureRoundSpec(number=1, round="r", iou_min=0.5, score_min=0)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A world with a round that predicted one frame right."""
    async with open_harness(tmp_path) as found:
        new = AppendRequest([frame("a", CAR)], None, Status.ANNOTATED, Split.VALIDATION)
        await append_frames(found.curation, NAME, new)
        await label(found, "t")
        await create_round(found.curation, ONCE, ROUND, "", Split.VALIDATION)
        await predict(found, ScoredLabel(CAR, 1))
        yield found


async def predict(here: DatasetHarness, *predictions: ScoredLabel) -> None:
    """Import what is predicted in the frame."""
    await import_predictions(here.curation, ROUND, [FramePredictions("a", predictions)])


async def label(here: DatasetHarness, frame_id: str) -> None:
    """Add a frame that models learn from."""
    new = AppendRequest([frame(frame_id)], None, Status.ANNOTATED)
    await append_frames(here.curation, NAME, new)


async def record(here: DatasetHarness) -> tuple[RecordedRound, bool]:
    """Record the round."""
    return await record_measured(here.curation, NAME, WANTED)


async def test_predictions_that_come_meanwhile_are_not_mixed(here: DatasetHarness) -> None:
    """What is measured of two imports would be of neither: it is refused, and measured anew."""
    ledger = overtaken(here.curation.stores.ledger, "commit", predict(here))
    with pytest.raises(Aborted, match=f"^{ROUND}: predictions came"):
        await record(here.with_stores(ledger=ledger))
    made, added = await record(here)

    assert (True, 0.0) == (added, made.mean)


async def test_of_two_at_once_the_first_counts(here: DatasetHarness) -> None:
    """Who was slower gets what the other one has recorded, though groups were counted anew."""

    async def meanwhile() -> None:
        await label(here, "u")
        assert (await record(here))[1]

    ledger = overtaken(here.curation.stores.ledger, "commit", meanwhile())
    made, added = await record(here.with_stores(ledger=ledger))

    assert (False, 2) == (added, made.labelled_groups)
