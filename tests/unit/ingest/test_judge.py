"""A judgement depends on ingest's own scores, the threshold and the campaign's state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.ingest.batch import SubmittedBatch, Verdict
from services.ingest.judge import SCORE_TOLERANCE, Judgement, judge, judge_together
from services.ingest.submit import start, submit
from sluice import errors
from sluice.tensors import Embeddings
from tests.unit.ingest.harness import (
    EYE,
    MODEL_ID,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    near,
    session,
)


async def test_an_override_replaces_the_campaigns_threshold(
    harness: IngestHarness,
) -> None:
    """The threshold is the batch's override, else the campaign's, else 0.5."""
    frames = [(frame("f"), near(0))]
    score = harness.batch(frames, override=0.0).matches[0].scores[0][1]
    assert score > 0.5
    above = harness.batch(frames, override=0.0)
    above = replace(above, threshold_override=(score + 1) / 2)
    assert [Verdict.BELOW_THRESHOLD] == await harness.submit(1, above)
    campaign = harness.versions.active["c"]
    harness.versions.active["c"] = replace(campaign, threshold=(score + 1) / 2)
    of_campaign = replace(harness.batch(frames, override=0.0), threshold_override=None)
    assert [Verdict.BELOW_THRESHOLD] == await harness.submit(2, of_campaign)
    harness.versions.active["c"] = campaign
    assert [Verdict.PENDING] == await harness.submit(3, of_campaign)


async def test_a_score_mismatch_is_counted_by_logger(harness: IngestHarness) -> None:
    """A match with another score than ingest's is not taken, and counts for its logger."""
    batch = harness.batch([(frame("f"), near(0))], score_error=0.05)
    assert [Verdict.SCORE_MISMATCH] == await harness.submit(1, batch)
    assert {"logger": 1} == (await harness.funnel("c")).mismatches


@pytest.mark.parametrize(
    ("score_error", "verdict"),
    [
        (0.99 * SCORE_TOLERANCE, Verdict.PENDING),
        (-0.99 * SCORE_TOLERANCE, Verdict.PENDING),
        (1.01 * SCORE_TOLERANCE, Verdict.SCORE_MISMATCH),
        (-1.01 * SCORE_TOLERANCE, Verdict.SCORE_MISMATCH),
    ],
)
async def test_scores_may_differ_by_the_tolerance(
    harness: IngestHarness, score_error: float, verdict: Verdict
) -> None:
    """A score that is off by less than the tolerance is taken, one that is off by more is not."""
    batch = harness.batch([(frame("f"), near(0))], score_error=score_error)
    assert [verdict] == await harness.submit(1, batch)


async def test_frames_of_an_inactive_campaign_are_counted(harness: IngestHarness) -> None:
    """Matches that arrive after the campaign was deactivated are counted as inactive."""
    batch = harness.batch([(frame("f"), near(0))])
    harness.deactivate("c")
    assert [Verdict.INACTIVE] == await harness.submit(1, batch)


@pytest.mark.parametrize("active_first", [True, False])
async def test_verdicts_are_in_the_order_of_the_scores(
    harness: IngestHarness, active_first: bool
) -> None:
    """A batch has a verdict for each match and, within it, for each of its scores in turn."""
    await harness.commit("d", EYE[:1])
    harness.deactivate("d")
    judged = [("c", 1), ("d", 1)] if active_first else [("d", 1), ("c", 1)]
    batch = harness.batch([(frame("f"), near(0)), (frame("g"), near(1))], judged)
    expected = [Verdict.PENDING if campaign == "c" else Verdict.INACTIVE for campaign, _ in judged]

    assert expected * 2 == await harness.submit(1, batch)


async def test_a_damaged_model_leaves_the_number_open(
    harness: IngestHarness, tmp_path: Path
) -> None:
    """If the server's model file is damaged, the error is retryable: the logger keeps its batch."""
    batch = harness.batch([(frame("f"), near(0))])
    digest = harness.versions.active["c"].version.model_digest
    [file] = list((tmp_path / "blobs").rglob(digest))
    file.chmod(0o600)
    file.write_bytes(b"rubbish")
    with pytest.raises(errors.Unavailable, match="model"):
        await submit(harness.ingest, session(), delivery(1, batch))
    assert 1 == await start(harness.ingest, session())


def with_crops(harness: IngestHarness, first: int) -> SubmittedBatch:
    """A batch of three matches; the second has two crops, the latter with the higher score."""
    ids = [f"f{first + index}" for index in range(3)]
    batch = harness.batch([(frame(frame_id), EYE[0] * 9 + EYE[1]) for frame_id in ids])
    assert batch.embeddings is not None
    rows = batch.embeddings.vectors
    crops = Embeddings(
        MODEL_ID,
        np.stack([rows[0], -rows[1], rows[1], rows[2]]),
        np.array([0, 1, 1, 2]),
        ["", "a", f"b{first}", ""],
    )
    return replace(batch, embeddings=crops)


async def test_crops_stay_with_their_frames(harness: IngestHarness) -> None:
    """Batches that are judged together keep the rows, crops and explanations of their frames."""
    batches = [
        with_crops(harness, 0),
        harness.batch([(frame("x"), -EYE[0])]),
        with_crops(harness, 3),
    ]
    context = (harness.ingest.active, harness.ingest.models, PROJECT)
    together = await judge_together(*context, batches)
    alone = [await judge(*context, batch) for batch in batches]

    def facts(judgement: Judgement) -> list[tuple[object, ...]]:
        return [
            (match.frame.id, match.verdict, match.explanation, np.asarray(match.vector).tolist())
            for match in judgement.matches
        ]

    assert list(map(facts, alone)) == list(map(facts, together))
    label_ids = [match.explanation.label_id for match in together[2].matches if match.explanation]
    assert ["", "b3", ""] == label_ids
