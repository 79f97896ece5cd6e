"""Explanations of scores: the crop, its nearest elements, and the margins."""

from __future__ import annotations

import numpy as np
import pytest

from sluice.explanations import Explanation, explain_scores
from sluice.scoring import Scorer, Scores, build_basis, nearest, normalise
from tests.unit.scoring.reference import random_model, random_rows

DIMENSION = 8
BASIS = build_basis(random_rows(1, 40, DIMENSION))
CAMPAIGNS = ["night", "rain", "dogs"]
THRESHOLDS = [0.5, 0.25, 0.9]
# Frame 1 has three crops, the others one row each.
FRAME_OF_ROW = np.array([0, 1, 1, 1, 2])
LABEL_IDS = ["", "crop-a", "crop-b", "crop-c", ""]
UNIT = normalise(random_rows(9, 5, DIMENSION))


def scorer_of(campaigns: int) -> Scorer:
    """A scorer of that many campaigns, the last without a basis."""
    models = [
        random_model(seed, 12, DIMENSION, basis)
        for seed, basis in zip((2, 3, 4), (BASIS, BASIS, None), strict=True)
    ]
    return Scorer(models[:campaigns], {BASIS.digest: BASIS})


def explain_all(scorer: Scorer) -> tuple[Scores, np.ndarray, np.ndarray, list[Explanation]]:
    """All scores and their explanations, last campaign and last frame first."""
    scores = scorer.score(UNIT, FRAME_OF_ROW, 3)
    frames, columns = np.indices(scores.scores.shape).reshape(2, -1)[:, ::-1]
    explanations = explain_scores(
        scorer,
        UNIT,
        scores,
        frames=frames,
        columns=columns,
        campaigns=CAMPAIGNS[: len(scorer.models)],
        thresholds=THRESHOLDS[: len(scorer.models)],
        label_ids=LABEL_IDS,
    )
    return scores, frames, columns, explanations


@pytest.mark.parametrize("campaigns", [1, 2, 3])
def test_margins_are_those_of_the_scores(campaigns: int) -> None:
    """The margins are measured to the threshold and to the best other campaign's score."""
    scores, frames, columns, explanations = explain_all(scorer_of(campaigns))
    assert 3 * campaigns == len(explanations)
    for frame, column, explanation in zip(frames, columns, explanations, strict=True):
        other_scores = dict(zip(CAMPAIGNS, scores.scores[frame].tolist(), strict=False))
        own = other_scores.pop(CAMPAIGNS[column])
        assert own - THRESHOLDS[column] == explanation.margin_to_threshold
        rival = max(other_scores, key=lambda name: other_scores[name], default="")
        assert rival == explanation.runner_up
        assert own - other_scores.get(rival, own) == explanation.margin_to_runner_up


def test_the_crop_that_has_the_score_is_explain_all() -> None:
    """The label and the neighbours are those of the crop with the best score."""
    scorer = scorer_of(3)
    scores, frames, columns, explanations = explain_all(scorer)
    for frame, column, explanation in zip(frames, columns, explanations, strict=True):
        row = scores.rows[frame, column]
        assert LABEL_IDS[row] == explanation.label_id
        (near,) = nearest(scorer, UNIT[row : row + 1], np.array([column]))
        assert near.cluster == explanation.cluster
        assert near.cluster_size == explanation.cluster_size
        assert near.radius == explanation.radius
        assert near.distance == pytest.approx(explanation.distance, abs=1e-5)
        neighbours = [(n.frame_id, n.label_id) for n in explanation.neighbours]
        assert [tuple(element) for element, _ in near.elements] == neighbours
        similarities = [neighbour.similarity for neighbour in explanation.neighbours]
        np.testing.assert_allclose(similarities, [c for _, c in near.elements], atol=1e-6)
    assert {"", "crop-a", "crop-b", "crop-c"} >= {e.label_id for e in explanations}
    assert any(e.label_id for e in explanations)


def test_a_batch_without_matches_has_no_explanations() -> None:
    """Without matches, the result is empty."""
    scorer = scorer_of(2)
    none = np.empty(0, np.intp)
    explanations = explain_scores(
        scorer,
        UNIT,
        scorer.score(UNIT),
        frames=none,
        columns=none,
        campaigns=CAMPAIGNS[:2],
        thresholds=THRESHOLDS[:2],
        label_ids=LABEL_IDS,
    )
    assert [] == explanations


def test_explanations_survive_the_wire() -> None:
    """A logger reads the same explanation that the scorer computed."""
    for explanation in explain_all(scorer_of(3))[-1]:
        assert explanation == Explanation.from_proto(explanation.to_proto())
