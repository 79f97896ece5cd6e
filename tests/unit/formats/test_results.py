"""What a round is worth, read from JSON lines."""

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
    """Writes a file."""

    def write(text: str) -> Path:
        path = tmp_path / "results.jsonl"
        path.write_text(text)
        return path

    return write


def test_samples_are_read_in_their_order(write: Write) -> None:
    """Values, predictions and slices by sample; blank lines mean nothing."""
    found = read_results(
        write(
            '{"sample": "b", "value": true, "prediction": "van", "slices": ["fog", "fog"]}\n\n'
            '{"sample": "a", "value": 0.25, "prediction": "", "slices": ["night", "fog"], "x": 1}\n'
        )
    )

    assert {"b": 1.0, "a": 0.25} == found.values
    assert {"b": "van", "a": ""} == found.predictions
    assert {"fog": ["b", "a"], "night": ["a"]} == found.slices
    assert ["b", "a"] == list(found.values)


def test_predictions_may_be_left_out(write: Write) -> None:
    """Where no line has one there are none."""
    found = read_results(write('{"sample": "a", "value": 1}'))

    assert ({"a": 1.0}, {}, {}) == (found.values, found.predictions, found.slices)


def test_judged_failures_are_read(write: Write) -> None:
    """The label and what both say."""
    line = '{"label": "van", "first": "van", "second": ""}\n'

    assert [("van", "van", "")] * 2 == read_judged(write(line * 2))


@pytest.mark.parametrize(
    ("text", "where", "said"),
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
            "not in all",
        ),
        (
            '{"sample": "b", "value": 1, "prediction": "p"}\n{"sample": "a", "value": 1}',
            "line 2: prediction",
            "not in all",
        ),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str, where: str, said: str) -> None:
    """With line and field."""
    with pytest.raises(InvalidArgument) as refused:
        read_results(write(text))
    assert f"results.jsonl: {where}" in refused.value.message
    assert said in refused.value.message


def test_a_judgement_lacks_nothing(write: Write) -> None:
    """All three must be there."""
    with pytest.raises(InvalidArgument, match="line 1: second: None is not a string"):
        read_judged(write('{"label": "van", "first": "van"}'))


def test_files_are_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line too many is named."""
    monkeypatch.setattr(results, "SAMPLES_MAX", 1)
    monkeypatch.setattr(results, "FAILURES_MAX", 1)
    with pytest.raises(InvalidArgument, match="line 2: is one sample more"):
        read_results(write('{"sample": "a", "value": 1}\n{"sample": "b", "value": 1}'))
    with pytest.raises(InvalidArgument, match="line 2: is one failure more"):
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
    """No content ends in another error."""
    path = tmp_path_factory.mktemp("any") / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    try:
        found = read_results(path)
    except InvalidArgument:
        return
    assert all(0 <= value <= 1 for value in found.values.values())
