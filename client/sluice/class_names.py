"""Class names that tools write in different ways: suggestions, and renaming."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.labels import Label

_NAMED_MAX: Final = 5
_SEPARATORS: Final = str.maketrans("", "", " _-")


def suggest_class(name: str, class_names: Iterable[str]) -> str:
    """The class whose name differs from `name` only in case, spaces, hyphens and underscores.

    "" if there is none, or several.
    """
    alike = [other for other in class_names if _normalise(other) == _normalise(name)]
    return alike[0] if len(alike) == 1 else ""


def describe_classes(counts: Mapping[str, int], class_names: Iterable[str]) -> str:
    """Classes with their counts and suggestions, the most frequent first: `'Van' (40), …`."""
    names = list(class_names)
    parts = []
    for name in sorted(counts, key=lambda name: (-counts[name], name))[:_NAMED_MAX]:
        suggestion = suggest_class(name, names)
        question = f"; did you mean {suggestion!r}?" if suggestion else ""
        parts.append(f"{name!r} ({counts[name]:,}{question})")
    others = len(counts) - len(parts)
    return ", ".join(parts) + (f" and {others:,} others" if others else "")


def read_class_map(entries: Sequence[str]) -> dict[str, str]:
    """The new name of each class, from `OLD=NEW` pairs and from files.

    A file is a JSON object of names, or has a pair on each line; empty lines and lines that begin
    with # are skipped. Raises InvalidArgument naming a malformed pair, and an old name with two new
    ones.
    """
    class_map: dict[str, str] = {}
    for entry in entries:
        for place, old, new in _read_entry(entry):
            if class_map.setdefault(old, new) != new:
                problem = f"{place}: {old!r} is already mapped to {class_map[old]!r}"
                raise InvalidArgument.of("class_map", problem)
    return class_map


def rename_label(label: Label, class_map: Mapping[str, str]) -> Label:
    """The label with the new name of its class; classes that are not in the map keep theirs."""
    return replace(label, class_name=class_map.get(label.class_name, label.class_name))


def rename_classes(frames: Iterable[Frame], class_map: Mapping[str, str]) -> Iterator[Frame]:
    """The frames with the new names of their labels' classes."""
    for frame in frames:
        yield replace(frame, labels=tuple(rename_label(label, class_map) for label in frame.labels))


def _normalise(name: str) -> str:
    return name.translate(_SEPARATORS).casefold()


def _read_entry(entry: str) -> Iterator[tuple[str, str, str]]:
    """The pairs of an entry, each with its place."""
    path = Path(entry)
    if not path.is_file():
        if "=" not in entry:
            problem = f"{entry!r} is neither a file nor OLD=NEW"
            raise InvalidArgument.of("class_map", problem)
        yield _read_pair(repr(entry), entry)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("class_map", f"{path} is not UTF-8: {error}") from error
    if text.lstrip().startswith("{"):
        yield from _read_json(path, text)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _read_pair(f"{path} line {number}", line)


def _read_json(path: Path, text: str) -> Iterator[tuple[str, str, str]]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument.of("class_map", f"{path} is not JSON: {error}") from error
    for old, new in names.items():
        yield _check_pair(f"{path}: {old!r}", old, new)


def _read_pair(place: str, text: str) -> tuple[str, str, str]:
    old, separator, new = text.partition("=")
    if not separator:
        raise InvalidArgument.of("class_map", f"{place}: {text!r:.64} is not OLD=NEW")
    return _check_pair(place, old.strip(), new.strip())


def _check_pair(place: str, old: object, new: object) -> tuple[str, str, str]:
    if not isinstance(old, str) or not isinstance(new, str) or not old or not new:
        problem = f"{place}: {old!r:.64} to {new!r:.64}; expected two class names"
        raise InvalidArgument.of("class_map", problem)
    check_text("class_map", new)
    return place, old, new
