"""What a round's model is worth sample by sample, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.errors import InvalidArgument

SAMPLES_MAX: Final = 50_000
"""What a round may have; a file with more is refused at the line."""

FAILURES_MAX: Final = 10_000
_JUDGED: Final = ("label", "first", "second")


@dataclass(slots=True)
class Results:
    """The metric, the predicted class and the slices of each sample, by its id."""

    values: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)
    slices: dict[str, list[str]] = field(default_factory=dict)


def read_results(path: Path) -> Results:
    """The samples of a file: `{"sample": "f1", "value": 1, "prediction": "van", "slices": ["s"]}`.

    `prediction` stands in all lines or in none; `slices` may be left out. Raises InvalidArgument
    naming file, line and field where something is wrong.
    """
    results = Results()
    for place, item in _lines(path):
        if len(results.values) == SAMPLES_MAX:
            raise _refused(place, f"is one sample more than the {SAMPLES_MAX:,} that are accepted")
        sample = _text(place, item, "sample")
        if sample in results.values:
            raise _refused(f"{place}: sample", f"duplicate {sample!r}")
        results.values[sample] = _share(place, item)
        if "prediction" in item:
            results.predictions[sample] = _text(place, item, "prediction")
        for name in _slices(place, item):
            results.slices.setdefault(name, []).append(sample)
        if results.predictions and len(results.predictions) < len(results.values):
            raise _refused(f"{place}: prediction", "stands in some lines, and not in all")
    return results


def read_judged(path: Path) -> list[tuple[str, str, str]]:
    """Judged failures of a file: `{"label": "van", "first": "van", "second": "truck"}`.

    Raises InvalidArgument naming file, line and field where something is wrong.
    """
    judged: list[tuple[str, str, str]] = []
    for place, item in _lines(path):
        if len(judged) == FAILURES_MAX:
            problem = f"is one failure more than the {FAILURES_MAX:,} that are accepted"
            raise _refused(place, problem)
        label, first, second = (_text(place, item, name) for name in _JUDGED)
        judged.append((label, first, second))
    return judged


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of all lines that are not blank, each with its place."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}: line {number}"
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _refused(place, f"is not JSON: {error}") from error
            if not isinstance(item, dict):
                raise _refused(place, "is not an object")
            yield place, item


def _text(place: str, item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise _refused(f"{place}: {name}", f"{value!r:.32} is not a string")
    return value


def _share(place: str, item: dict[str, Any]) -> float:
    value = item.get("value")
    # True and false are what right and wrong are called in some files: 1 and 0.
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _refused(f"{place}: value", f"{value!r:.32} is not in 0…1")
    return float(value)


def _slices(place: str, item: dict[str, Any]) -> list[str]:
    names = item.get("slices", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _refused(f"{place}: slices", f"{names!r:.32} is not a list of names")
    return list(dict.fromkeys(names))


def _refused(place: str, problem: str) -> InvalidArgument:
    return InvalidArgument.of("file", f"{place}: {problem}")
