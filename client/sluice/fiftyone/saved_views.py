"""Names of FiftyOne's saved views."""

from __future__ import annotations

import string
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from sluice.errors import FailedPrecondition, InvalidArgument

_HYPHENS: Final = frozenset(string.whitespace + "+_.-")
_LETTERS: Final = frozenset(string.ascii_letters + string.digits)


def slug_of(name: str) -> str:
    """FiftyOne's slug of a view's name: `My view!` → `my-view`; no two views may share one."""
    characters = ["-" if c in _HYPHENS else c for c in name if c in _HYPHENS | _LETTERS]
    runs = ("-" if c == "-" else "".join(run) for c, run in groupby(characters))
    return "".join(runs).strip("-").lower()


def check_view_names(names: Iterable[str], saved: Iterable[str]) -> None:
    """Refuse names that FiftyOne does not accept, and two views with one slug.

    FiftyOne would delete a saved view when another one with its slug is saved. `saved` are the
    names of its views; one of the same name may be saved again.
    """
    saved_by_slug = {slug_of(name): name for name in saved}
    names_by_slug: dict[str, str] = {}
    for name in names:
        slug = slug_of(name)
        if not slug:
            problem = f"view {name!r}: FiftyOne needs a letter A–Z or a digit in the name"
            raise InvalidArgument.of("views", problem)
        if slug in names_by_slug:
            raise _same_slug(names_by_slug[slug], name, slug)
        if saved_by_slug.get(slug, name) != name:
            raise _same_slug(saved_by_slug[slug], name, slug)
        names_by_slug[slug] = name


def _same_slug(first: str, second: str, slug: str) -> FailedPrecondition:
    problem = f"views {first!r} and {second!r} would both be {slug!r} in FiftyOne; rename one"
    return FailedPrecondition(problem)
