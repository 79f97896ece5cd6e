"""The ledger records of progress."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.progress.records import RoundSamples, SampleSlice, round_key, rounds_prefix
from sluice.errors import InvalidArgument
from sluice.names import DatasetName

NAME = DatasetName("p", "d")


def samples(**fields: Any) -> RoundSamples:
    """Two samples of round 1, with some fields replaced."""
    valid: dict[str, Any] = {
        "round": 1,
        "labelled_groups": 1,
        "sample_ids": ("a", "b"),
        "values": (0.0, 1.0),
    }
    return RoundSamples(**valid | fields)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"round": -1}, "round"),
        ({"labelled_groups": 0}, "labelled_groups"),
        ({"sample_ids": ("a", "a")}, "sample_ids"),
        ({"values": (0.5,)}, "values"),
        ({"values": (0.5, 1.5)}, "values[1]"),
        ({"predictions": ("car",)}, "predictions"),
        ({"slices": (SampleSlice(name="s", samples=()),)}, "slices[0].samples"),
        ({"slices": (SampleSlice(name="s", samples=(2,)),)}, "slices[0].samples"),
    ],
)
def test_an_invalid_field_is_named(fields: dict[str, Any], field: str) -> None:
    """The error has the field of the request."""
    with pytest.raises(InvalidArgument) as error:
        samples(**fields).check()

    assert [field] == [violation.field for violation in error.value.fields]


def test_samples_may_have_predictions_and_slices() -> None:
    """A prediction for each sample, and slices by index, are accepted."""
    samples(predictions=("car", ""), slices=(SampleSlice(name="night", samples=(1,)),)).check()


@given(st.sets(st.integers(0, 2**31 - 1), max_size=9))
def test_keys_are_ordered_by_number(numbers: set[int]) -> None:
    """A scan of the prefix gives the rounds by number."""
    keys = {round_key(NAME, number): number for number in numbers}

    assert sorted(numbers) == [keys[key] for key in sorted(keys)]
    assert all(key.startswith(rounds_prefix(NAME)) for key in keys)
