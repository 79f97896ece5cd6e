"""Checks of pools and settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import (
    CoverageMethod,
    SelectionSettings,
)
from sluice.errors import InvalidArgument
from tests.unit.curation.selection.random_groups import COMPONENTS, plain_pool


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("budget", {"budget": 0}),
        ("budget", {"budget": 1.5}),
        ("budget", {"budget": float("nan")}),
        ("budget", {"budget": True}),
        ("targeted_share", {"targeted_share": -0.1}),
        ("pool.zcore", {"coverage": CoverageMethod.ZCORE}),
    ],
)
def test_wrong_settings_are_named(field: str, change: dict[str, float]) -> None:
    """What is out of range, or cannot be done, is refused by its name."""
    with pytest.raises(InvalidArgument) as refusal:
        plan_batch(plain_pool(20), None, SelectionSettings(**({"seed": 0} | change)))  # type: ignore[arg-type]

    assert [field] == [violation.field for violation in refusal.value.fields]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("pool.excluded", {"excluded": np.zeros(3, bool)}),
        ("pool.covered", {"covered": np.zeros(20, np.int64)}),
        ("pool.labelled", {"labelled": np.zeros(3, bool)}),
        ("pool.scenes", {"scenes": np.zeros(3, np.int64)}),
        ("pool.zcore", {"zcore": np.full(20, np.nan)}),
        ("pool.group_of", {"group_of": np.full(20, 20)}),
        ("pool.group_of", {"group_of": None}),
        ("pool.vectors.group_of", {"group_of": np.zeros(3, np.int64)}),
        ("pool.vectors", {"vectors": np.full((20, COMPONENTS), np.inf, np.float32)}),
    ],
)
def test_wrong_pools_are_named(field: str, change: dict[str, object]) -> None:
    """Arrays of the wrong shape, type or range are refused by their names."""
    with pytest.raises(InvalidArgument) as refusal:
        plan_batch(replace(plain_pool(20), **change), None, SelectionSettings(seed=0))  # type: ignore[arg-type]

    assert [field] == [violation.field for violation in refusal.value.fields]
