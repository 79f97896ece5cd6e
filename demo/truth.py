"""How good a selection of frames is, judged by what they truly are; for the report alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Shares of a selection and of all frames, 0 to 1, beside random selection of the same size.

    Random's precision is its expected value, the share among all frames, and its recall is the
    share of frames selected: no luck of one draw is in them. "Hard" frames are those that the
    classifier gets wrong.
    """

    precision: float
    precision_random: float
    recall: float
    recall_random: float
    precision_hard: float
    precision_hard_random: float
    recall_hard: float


def judge(
    selected: Iterable[int],
    archive: NDArray[np.intp],
    is_member: NDArray[np.bool_],
    is_hard: NDArray[np.bool_],
) -> Quality:
    """Judge selected frame numbers against the archive they come from.

    `is_member` and `is_hard` say of each frame number whether the frame is of the issue's class,
    and whether the classifier gets it wrong.
    """
    chosen = np.asarray(sorted(set(selected)), np.intp)
    return Quality(
        precision=_share(is_member[chosen]),
        precision_random=_share(is_member[archive]),
        recall=_found(is_member, chosen, archive),
        recall_random=len(chosen) / len(archive),
        precision_hard=_share(is_hard[chosen]),
        precision_hard_random=_share(is_hard[archive]),
        recall_hard=_found(is_hard, chosen, archive),
    )


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0


def _found(wanted: NDArray[np.bool_], chosen: NDArray[np.intp], archive: NDArray[np.intp]) -> float:
    return float(wanted[chosen].sum() / max(wanted[archive].sum(), 1))
