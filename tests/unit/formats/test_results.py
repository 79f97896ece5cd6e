"""Results of a round and judged failures, read from JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidArgument
from sluice.formats import results
from sluice.formats.results import read_judged, read_results

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write text to a results file."""

    def write(text: str) -> Path:
        path = tmp_path / "results.jsonl"
        path.write_text(text)
        return path

    return write


def test_samples_are_read_in_their_order(write: Write) -> None:
    """Values, predictions and slices are read by sample; blank lines are skipped."""
    results_read = read_results(
        write(
            '{"sample": "b", "value": true, "prediction": "van", "slices": ["fog", "fog"]}\n\n'
            '{"sample": "a", "value": 0.25, "prediction": "", "slices": ["night", "fog"], "x": 1}\n'
        )
    )

    assert {"b": 1.0, "a": 0.25} == results_read.values
    assert {"b": "van", "a": ""} == results_read.predictions
    assert {"fog": ["b", "a"], "night": ["a"]} == results_read.slices
    assert ["b", "a"] == list(results_read.values)


def test_predictions_may_be_left_out(write: Write) -> None:
    """A file without predictions is read without them."""
    results_read = read_results(write('{"sample": "a", "value": 1}'))

    assert ({"a": 1.0}, {}, {}) == (
        results_read.values,
        results_read.predictions,
        results_read.slices,
    )


def test_judged_failures_are_read(write: Write) -> None:
    """A judged failure has a label and two judgements."""
    line = '{"label": "van", "first": "van", "second": ""}\n'

    assert [("van", "van", "")] * 2 == read_judged(write(line * 2))


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("x", "line 1", "is not JSON"),
        ("[]", "line 1", "is not an object"),
        ('\n{"value": 1}', "line 2: sample", "None is not a string"),
        ('{"sample": 7, "value": 1}', "line 1: sample", "7 is not a string"),
        ('{"sample": "a"}', "line 1: value", "None is not in 0…1"),
        ('{"sample": "a", "value": 2}', "line 1: value", "2 is not in 0…1"),
        ('{"sample": "a", "value": NaN}', "line 1: value", "nan is not in 0…1"),
        ('{"sample": "a", "value": "1"}', "line 1: value", "'1' is not in 0…1"),
        ('{"sample": "a", "value": 1}\n' * 2, "line 2: sample", "duplicate 'a'"),
        ('{"sample": "a", "value": 1, "slices": "s"}', "line 1: slices", "is not a list"),
        ('{"sample": "a", "value": 1, "slices": [1]}', "line 1: slices", "is not a list"),
        (
            '{"sample": "a", "value": 1}\n{"sample": "b", "value": 1, "prediction": "p"}',
            "line 2: prediction",
            "missing in some lines",
        ),
        (
            '{"sample": "b", "value": 1, "prediction": "p"}\n{"sample": "a", "value": 1}',
            "line 2: prediction",
            "missing in some lines",
        ),
    ],
)
def test_errors_name_the_line_and_field(write: Write, text: str, place: str, problem: str) -> None:
    """An error names the file, the line and the field."""
    with pytest.raises(InvalidArgument) as raised:
        read_results(write(text))
    assert f"results.jsonl: {place}" in raised.value.message
    assert problem in raised.value.message


def test_a_judged_failure_requires_all_fields(write: Write) -> None:
    """Label and both judgements are required."""
    with pytest.raises(InvalidArgument, match="line 1: second: None is not a string"):
        read_judged(write('{"label": "van", "first": "van"}'))


def test_files_are_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the first line over the limit."""
    monkeypatch.setattr(results, "SAMPLES_MAX", 1)
    monkeypatch.setattr(results, "FAILURES_MAX", 1)
    with pytest.raises(InvalidArgument, match="line 2: is over the limit of 1 samples"):
        read_results(write('{"sample": "a", "value": 1}\n{"sample": "b", "value": 1}'))
    with pytest.raises(InvalidArgument, match="line 2: is over the limit of 1 failures"):
        read_judged(write('{"label": "", "first": "", "second": ""}\n' * 2))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sample", "value", "prediction", "slices"]), inner)
    ),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=4))
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, lines: Any) -> None:
    """Any JSON content is read, or raises InvalidArgument."""
    path = tmp_path_factory.mktemp("any") / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    try:
        results_read = read_results(path)
    except InvalidArgument:
        return
    assert all(0 <= value <= 1 for value in results_read.values.values())
