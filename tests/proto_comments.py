"""The comments of the protos, which promise limits, by the element that they describe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PROTOS: Final = Path(__file__).parents[1] / "protos" / "sluice" / "v1"

_SCOPE = re.compile(r"(message|enum|oneof|service) (\w+) \{(\})?")
_MEMBER = re.compile(r"rpc (\w+)|(?:[\w.<>, ]+ )?(\w+) = \d+;")

_NUMBER = re.compile(
    # Neither a part of a word (float32, SHA-256), nor the end of a range (0–9), nor a factor (2·x).
    r"(?<![\w.,–^[-])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(e-\d+)?(²| [KM]iB)?(?![\w·]|,\d)"
)
_UNITS: Final = {" KiB": 2**10, " MiB": 2**20}


def read_comments() -> dict[str, str]:
    """The comment of each message, field, method and enum value, by path: `Frame.id`."""
    comments: dict[str, str] = {}
    for proto in sorted(PROTOS.glob("*.proto")):
        comments |= parse_comments(proto.read_text())
    return comments


def parse_comments(proto: str) -> dict[str, str]:
    """The comments of one proto; the name of a oneof is left out."""
    comments: dict[str, str] = {}
    scopes: list[str] = []
    pending: list[str] = []
    for line in map(str.strip, proto.splitlines()):
        if line.startswith("//"):
            pending.append(line.removeprefix("//").strip())
            continue
        if scope := _SCOPE.match(line):
            kind, name, is_empty = scope.groups()
            scopes.append("" if kind == "oneof" else name)
            _add(comments, scopes, pending)
            if is_empty:
                scopes.pop()
        elif line == "}":
            scopes.pop()
        elif member := _MEMBER.match(line):
            _add(comments, [*scopes, member[1] or member[2]], pending)
        pending = []
    return comments


def read_numbers(comment: str) -> tuple[float, ...]:
    """The numbers of a comment with their units, without 0 and 1."""
    numbers = []
    for whole, fraction, exponent, unit in _NUMBER.findall(comment):
        number = float(whole.replace(",", "") + fraction + exponent)
        numbers.append(number**2 if unit == "²" else number * _UNITS.get(unit, 1))
    return tuple(number for number in numbers if number not in (0, 1))


def _add(comments: dict[str, str], path: list[str], pending: list[str]) -> None:
    comments[".".join(filter(None, path))] = " ".join(pending)
