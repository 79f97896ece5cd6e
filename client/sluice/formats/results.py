"""The results of a round, sample by sample, and its judged failures, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.errors import InvalidArgument

SAMPLES_MAX: Final = 50_000
"""Limit on the samples of a round; a larger file is rejected at the first line over it."""

FAILURES_MAX: Final = 10_000
_FAILURE_FIELDS: Final = ("label", "first", "second")


@dataclass(slots=True)
class Results:
    """The metric, the predicted class and the slices of each sample, by its id."""

    values: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)
    slices: dict[str, list[str]] = field(default_factory=dict)


def read_results(path: Path) -> Results:
    """The samples of a file: `{"sample": "f1", "value": 1, "prediction": "van", "slices": ["s"]}`.

    `prediction` is required in all lines or in none; `slices` is optional. Raises InvalidArgument
    for invalid data, naming file, line and field.
    """
    results = Results()
    for place, item in _read_lines(path):
        if len(results.values) == SAMPLES_MAX:
            raise _file_error(place, f"is over the limit of {SAMPLES_MAX:,} samples")
        sample = _read_text(place, item, "sample")
        if sample in results.values:
            raise _file_error(f"{place}: sample", f"duplicate {sample!r}")
        results.values[sample] = _read_value(place, item)
        if "prediction" in item:
            results.predictions[sample] = _read_text(place, item, "prediction")
        for name in _read_slices(place, item):
            results.slices.setdefault(name, []).append(sample)
        if results.predictions and len(results.predictions) < len(results.values):
            problem = "missing in some lines; give it in all lines or in none"
            raise _file_error(f"{place}: prediction", problem)
    return results


def read_judged(path: Path) -> list[tuple[str, str, str]]:
    """Judged failures of a file: `{"label": "van", "first": "van", "second": "truck"}`.

    Raises InvalidArgument for invalid data, naming file, line and field.
    """
    judged: list[tuple[str, str, str]] = []
    for place, item in _read_lines(path):
        if len(judged) == FAILURES_MAX:
            raise _file_error(place, f"is over the limit of {FAILURES_MAX:,} failures")
        label, first, second = (_read_text(place, item, name) for name in _FAILURE_FIELDS)
        judged.append((label, first, second))
    return judged


def _read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object of each line that is not blank, with its file and line number."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}: line {number}"
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _file_error(place, f"is not JSON: {error}") from error
            if not isinstance(item, dict):
                raise _file_error(place, "is not an object")
            yield place, item


def _read_text(place: str, item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise _file_error(f"{place}: {name}", f"{value!r:.32} is not a string")
    return value


def _read_value(place: str, item: dict[str, Any]) -> float:
    value = item.get("value")
    # Some files write true and false instead of 1 and 0.
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _file_error(f"{place}: value", f"{value!r:.32} is not in 0…1")
    return float(value)


def _read_slices(place: str, item: dict[str, Any]) -> list[str]:
    names = item.get("slices", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _file_error(f"{place}: slices", f"{names!r:.32} is not a list of names")
    return list(dict.fromkeys(names))


def _file_error(place: str, problem: str) -> InvalidArgument:
    return InvalidArgument.of("file", f"{place}: {problem}")
