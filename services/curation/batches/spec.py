"""Whether what is asked of a batch can be."""

from __future__ import annotations

from typing import Final

from services.curation.batches.records import CreateBatchSpec
from services.curation.selection.budget import batch_size
from services.curation.selection.zcore import DRAWS
from sluice.checks import check_text, too_large
from sluice.errors import InvalidArgument

ROUNDS_MAX: Final = 64
"""Rounds whose failures one batch is like."""

WEIGHT_MIN: Final = 1e-6
WEIGHT_MAX: Final = 1e6
"""Weights within these are added up in float32, and none of them vanishes."""


def check_spec(wanted: CreateBatchSpec) -> None:
    """Refuse what is not right, naming the field."""
    field = "batch.fraction" if wanted.count is None else "batch.count"
    batch_size(wanted.budget, remaining=1, field=field)
    if not 0 <= wanted.coverage_share <= 1:
        raise InvalidArgument.of("batch.coverage_share", f"{wanted.coverage_share} is not in 0…1")
    if not 1 <= wanted.zcore_draws <= DRAWS:
        problem = f"{wanted.zcore_draws} is not in 1…{DRAWS:,}, nor 0 for {DRAWS:,}"
        raise InvalidArgument.of("batch.zcore_draws", problem)
    for text in ("model_id", "scene_field", "golden_override"):
        check_text(f"batch.{text}", getattr(wanted, text), empty=True)
    check_text("batch.zcore_field", wanted.zcore_field)
    _check_failures(wanted)


def _check_failures(wanted: CreateBatchSpec) -> None:
    if len(wanted.failures) > ROUNDS_MAX:
        problem = f"{len(wanted.failures)} rounds; at most {ROUNDS_MAX} are accepted"
        raise too_large("batch.failures", problem, ROUNDS_MAX)
    rounds: set[str] = set()
    for index, each in enumerate(wanted.failures):
        check_text(f"batch.failures[{index}].round", each.round)
        if not WEIGHT_MIN <= each.weight <= WEIGHT_MAX:
            problem = f"{each.weight} is not in {WEIGHT_MIN:f}…{WEIGHT_MAX:,.0f}"
            raise InvalidArgument.of(f"batch.failures[{index}].weight", problem)
        if each.round in rounds:
            raise InvalidArgument.of(
                f"batch.failures[{index}].round", f"{each.round!r} stands twice"
            )
        rounds.add(each.round)
