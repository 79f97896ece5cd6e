"""Answers that must be the same, whatever their batches were scored together with."""

from __future__ import annotations

import numpy as np

from sluice.v1 import scorer_pb2 as pb

ROUNDING = 5e-6
"""How far scores may differ: other products are summed up in another order.

That moves contrasts by less than 1e-6, and scores by a multiple: their slope is at most 10.
"""


def assert_equal_scores(expected: pb.ScoreFramesResponse, actual: pb.ScoreFramesResponse) -> None:
    """Equal but for the last bits of scores and of what is computed from them."""
    assert _facts(expected) == _facts(actual)
    for one, other in zip(_numbers(expected), _numbers(actual), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=ROUNDING)


def _facts(answer: pb.ScoreFramesResponse) -> tuple[object, ...]:
    explained = [
        (
            each.frame_index,
            each.version_index,
            each.explanation.label_id,
            each.explanation.cluster,
            [(n.frame_id, n.label_id) for n in each.explanation.neighbours],
            each.explanation.runner_up,
        )
        for each in answer.explanations
    ]
    return answer.frame_count, list(answer.versions), answer.scored_rows, explained


def _numbers(answer: pb.ScoreFramesResponse) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    margins = [
        (each.explanation.margin_to_threshold, each.explanation.margin_to_runner_up)
        for each in answer.explanations
    ]
    return [np.frombuffer(answer.scores, "<f8"), np.array(margins).ravel()]
