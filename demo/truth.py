"""Precision and recall of a selection of frames by their true classes; for the report only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Shares of a selection and of all frames, 0 to 1, beside random selection of the same size.

    The values of random selection are expectations, not one draw: its precision is the share among
    all frames, its recall is the share of selected frames. "Hard" frames are those that the
    classifier gets wrong.
    """

    precision: float
    precision_random: float
    recall: float
    recall_random: float
    precision_hard: float
    precision_hard_random: float
    recall_hard: float


def measure_quality(
    selected: Iterable[int],
    archive: NDArray[np.intp],
    is_member: NDArray[np.bool_],
    is_hard: NDArray[np.bool_],
) -> Quality:
    """Measure selected frame numbers against the archive that they come from.

    By frame number, `is_member` marks the frames of the issue's class, `is_hard` those that the
    classifier gets wrong.
    """
    numbers = np.asarray(sorted(set(selected)), np.intp)
    return Quality(
        precision=_share(is_member[numbers]),
        precision_random=_share(is_member[archive]),
        recall=_recall(is_member, numbers, archive),
        recall_random=len(numbers) / len(archive),
        precision_hard=_share(is_hard[numbers]),
        precision_hard_random=_share(is_hard[archive]),
        recall_hard=_recall(is_hard, numbers, archive),
    )


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0


def _recall(
    flags: NDArray[np.bool_], numbers: NDArray[np.intp], archive: NDArray[np.intp]
) -> float:
    return float(flags[numbers].sum() / max(flags[archive].sum(), 1))
