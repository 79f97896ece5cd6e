"""Checking the spec of a batch."""

from __future__ import annotations

import pytest

from services.curation.batches.records import CreateBatchSpec, RoundFailures
from services.curation.batches.spec import ROUNDS_MAX, check_spec
from sluice.errors import InvalidArgument

ROUND = RoundFailures(round="r")


@pytest.mark.parametrize(
    "spec",
    [
        CreateBatchSpec(),
        CreateBatchSpec(count=1, coverage_share=0),
        CreateBatchSpec(fraction=1.0, coverage_share=1, failures=(ROUND,)),
        CreateBatchSpec(failures=(RoundFailures(round="r", weight=1e6),)),
    ],
)
def test_values_within_their_ranges_are_accepted(spec: CreateBatchSpec) -> None:
    """The bounds of each field are accepted."""
    check_spec(spec)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (CreateBatchSpec(count=0), "batch.count"),
        (CreateBatchSpec(fraction=1.01), "batch.fraction"),
        (CreateBatchSpec(coverage_share=-0.01), "batch.coverage_share"),
        (CreateBatchSpec(zcore_draws=0), "batch.zcore_draws"),
        (CreateBatchSpec(zcore_draws=1_000_001), "batch.zcore_draws"),
        (CreateBatchSpec(zcore_field=""), "batch.zcore_field"),
        (CreateBatchSpec(model_id="x" * 300), "batch.model_id"),
        (CreateBatchSpec(failures=(ROUND, ROUND)), "batch.failures[1].round"),
        (CreateBatchSpec(failures=(ROUND,) * (ROUNDS_MAX + 1)), "batch.failures"),
        (
            CreateBatchSpec(failures=(RoundFailures(round="r", weight=1e-7),)),
            "batch.failures[0].weight",
        ),
    ],
)
def test_a_value_out_of_range_is_named(spec: CreateBatchSpec, field: str) -> None:
    """The first invalid field is named."""
    with pytest.raises(InvalidArgument) as raised:
        check_spec(spec)
    assert [field] == [violation.field for violation in raised.value.fields]
