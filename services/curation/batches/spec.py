"""Checking the spec of a batch."""

from __future__ import annotations

from typing import Final

from services.curation.batches.records import CreateBatchSpec
from services.curation.selection.budget import batch_size
from services.curation.selection.zcore import DRAWS
from sluice.checks import check_text, too_large
from sluice.errors import InvalidArgument

ROUNDS_MAX: Final = 64
"""Maximum number of rounds whose failures one batch targets."""

WEIGHT_MIN: Final = 1e-6
WEIGHT_MAX: Final = 1e6
"""Bounds of weights: within them, sums in float32 keep every weight."""


def check_spec(spec: CreateBatchSpec) -> None:
    """Raise InvalidArgument naming the invalid field."""
    field = "batch.fraction" if spec.count is None else "batch.count"
    batch_size(spec.budget, remaining=1, field=field)
    if not 0 <= spec.coverage_share <= 1:
        raise InvalidArgument.of("batch.coverage_share", f"{spec.coverage_share} is not in 0…1")
    if not 1 <= spec.zcore_draws <= DRAWS:
        problem = f"{spec.zcore_draws} is not in 1…{DRAWS:,}, nor 0 for {DRAWS:,}"
        raise InvalidArgument.of("batch.zcore_draws", problem)
    for text in ("model_id", "scene_field", "golden_override"):
        check_text(f"batch.{text}", getattr(spec, text), empty=True)
    check_text("batch.zcore_field", spec.zcore_field)
    _check_failures(spec)


def _check_failures(spec: CreateBatchSpec) -> None:
    if len(spec.failures) > ROUNDS_MAX:
        problem = f"{len(spec.failures)} rounds; at most {ROUNDS_MAX} are accepted"
        raise too_large("batch.failures", problem, ROUNDS_MAX)
    rounds: set[str] = set()
    for index, failures in enumerate(spec.failures):
        check_text(f"batch.failures[{index}].round", failures.round)
        if not WEIGHT_MIN <= failures.weight <= WEIGHT_MAX:
            problem = f"{failures.weight} is not in {WEIGHT_MIN:f}…{WEIGHT_MAX:,.0f}"
            raise InvalidArgument.of(f"batch.failures[{index}].weight", problem)
        if failures.round in rounds:
            problem = f"duplicate {failures.round!r}"
            raise InvalidArgument.of(f"batch.failures[{index}].round", problem)
        rounds.add(failures.round)
