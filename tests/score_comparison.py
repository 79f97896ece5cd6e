"""Comparing score responses, which rounding makes differ by how batches were grouped."""

from __future__ import annotations

import numpy as np

from sluice.v1 import scorer_pb2 as pb

ROUNDING = 5e-6
"""Maximum difference of two scores: grouped products are summed up in another order.

That moves contrasts by less than 1e-6, and scores by a multiple: their slope is at most 10.
"""


def assert_equal_scores(expected: pb.ScoreFramesResponse, actual: pb.ScoreFramesResponse) -> None:
    """Equal but for the last bits of scores and of what is computed from them."""
    assert _facts(expected) == _facts(actual)
    for left, right in zip(_numbers(expected), _numbers(actual), strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=ROUNDING)


def _facts(response: pb.ScoreFramesResponse) -> tuple[object, ...]:
    explanations = [
        (
            explained.frame_index,
            explained.version_index,
            explained.explanation.label_id,
            explained.explanation.cluster,
            [(n.frame_id, n.label_id) for n in explained.explanation.neighbours],
            explained.explanation.runner_up,
        )
        for explained in response.explanations
    ]
    return response.frame_count, list(response.versions), response.scored_rows, explanations


def _numbers(
    response: pb.ScoreFramesResponse,
) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    margins = [
        (explained.explanation.margin_to_threshold, explained.explanation.margin_to_runner_up)
        for explained in response.explanations
    ]
    return [np.frombuffer(response.scores, "<f8"), np.array(margins).ravel()]
