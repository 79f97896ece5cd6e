"""Finds resources by what people call them: resource name, id, start of an id, or display name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from sluice.errors import InvalidArgument, NotFound, PermissionDenied
from sluice.resources import kinds
from sluice.resources.kinds import ResourceKind

PREFIX_LENGTH_MIN: Final = 4
"""Minimum characters of the start of a generated id."""

_RESOURCE_NAME: Final = re.compile(r"projects/[^\s;:'\"]+")

CANDIDATES_MAX: Final = 5
"""Candidates that an error message lists."""


class ProjectRequired(InvalidArgument):
    """No project was given, and the key can read several."""


@dataclass(frozen=True, slots=True)
class NameCandidate:
    """A listed resource: `reference` is the shortest text that always finds it."""

    name: str
    id: str
    display_name: str
    reference: str
    is_being_deleted: bool = False

    def __str__(self) -> str:
        called = f" ({self.display_name})" if self.display_name not in ("", self.id) else ""
        return self.reference + called


class Resolver:
    """Finds the resource names of one connection; `project` is the default project.

    A reference is a resource name, an id, the first characters of a generated id (at least four),
    or a display name, in this order of precedence. Resources of a dataset are also found by
    `DATASET/ID`; by `ID` alone they are searched in all datasets of the project. Resource names and
    complete UUIDs need no call, other references one listing. Raises NotFound naming the command
    that lists the resources, InvalidArgument listing the candidates of an ambiguous reference, and
    ProjectRequired.
    """

    def __init__(self, channel: grpc.Channel, project: str = "") -> None:
        self._channel = channel
        self._default = project
        self._default_name = ""

    def project(self, reference: str = "") -> str:
        """The name of a project; of the default project if `reference` is empty."""
        if reference:
            return self.find(kinds.PROJECT, reference)
        if not self._default_name:
            self._default_name = (
                self.find(kinds.PROJECT, self._default) if self._default else self._only_project()
            )
        return self._default_name

    def projects(self, references: Sequence[str] | None) -> list[str]:
        """The names of projects, sorted and without duplicates; of all projects if None."""
        if references is None:
            return sorted(c.name for c in self._candidates(kinds.PROJECT, ""))
        return sorted({*self.find_all(kinds.PROJECT, references)})

    def usable_projects(self) -> list[NameCandidate]:
        """All projects but those that are being deleted, whose calls are refused."""
        return [c for c in self._candidates(kinds.PROJECT, "") if not c.is_being_deleted]

    def dataset(self, reference: str, *, project: str = "") -> str:
        """The name of a dataset."""
        return self.find(kinds.DATASET, reference, parent=self.project(project) if project else "")

    def issue(self, reference: str, *, project: str = "") -> str:
        """The name of an issue."""
        return self.find(kinds.ISSUE, reference, parent=self.project(project) if project else "")

    def campaign(self, reference: str, *, project: str = "") -> str:
        """The name of a campaign."""
        return self.find(kinds.CAMPAIGN, reference, parent=self.project(project) if project else "")

    def candidates(self, kind: ResourceKind) -> list[NameCandidate]:
        """All resources of a kind in the default project."""
        scope = self.project() if kind.parent is kinds.PROJECT else ""
        return list(self._candidates(kind, scope))

    def find(
        self, kind: ResourceKind, reference: str, *, parent: str = "", may_be_gone: bool = False
    ) -> str:
        """The name of a resource of any kind.

        `parent` is the name of the only parent to search in. With `may_be_gone`, a complete id that
        is not listed is used as it is: a deletion can be repeated.
        """
        if not reference:
            raise InvalidArgument.of(kind.field, f"required; see `{kind.list_command}`")
        if reference.startswith("projects/"):
            return self._check_name(kind, reference, parent)
        return self.find_all(kind, [reference], parent=parent, may_be_gone=may_be_gone)[0]

    def find_in(self, kind: ResourceKind, reference: str, parents: Sequence[str]) -> str:
        """The name of a resource of one of several parents, by names, each listed once."""
        if reference.startswith("projects/"):
            return self._check_name(kind, reference, "")
        candidates = [c for parent in parents for c in self._list(kind, parent, reference)]
        return _choose(kind, reference, candidates, "", may_be_gone=False)

    def find_all(
        self,
        kind: ResourceKind,
        references: Sequence[str],
        *,
        parent: str = "",
        may_be_gone: bool = False,
    ) -> list[str]:
        """The names of several resources of a parent, in one listing at most."""
        names = []
        listings: dict[str, list[NameCandidate]] = {}
        for reference in references:
            if reference.startswith("projects/"):
                names.append(self._check_name(kind, reference, parent))
                continue
            scope, own = self._split(kind, reference, parent)
            if kind.complete_id is kinds.UUID and kind.complete_id.fullmatch(own):
                names.append(kind.name_in(scope, own))
                continue
            if scope not in listings:
                listings[scope] = self._list(kind, scope, own)
            names.append(_choose(kind, own, listings[scope], scope, may_be_gone=may_be_gone))
        return names

    def ids(self, kind: ResourceKind, references: Iterable[str], *, parent: str) -> list[str]:
        """The ids of resources of a parent, which some requests have in place of names."""
        names = self.find_all(kind, list(references), parent=parent)
        return [kind.name.parse(name).ids[-1] for name in names]

    def _check_name(self, kind: ResourceKind, name: str, parent: str) -> str:
        parsed = kind.name.parse(name, kind.field)
        if parent and kind.parent and parsed.ids[:-1] != kind.parent.name.parse(parent).ids:
            raise InvalidArgument.of(kind.field, f"{name!r} is not in {parent}")
        return name

    def _split(self, kind: ResourceKind, reference: str, parent: str) -> tuple[str, str]:
        """The name of the parent to search in, "" for all of the project; and the own part."""
        if kind.parent is None:
            return "", reference
        if kind.parent is kinds.PROJECT:
            return parent or self.project(), reference
        above, slash, own = reference.rpartition("/")
        if slash and not parent:
            return self.find(kind.parent, above), own
        return parent, reference

    def _list(self, kind: ResourceKind, parent: str, reference: str) -> list[NameCandidate]:
        """All resources of a parent; a key that may not list finds the reference as a whole id."""
        try:
            return list(self._candidates(kind, parent))
        except PermissionDenied:
            if not parent or not kind.complete_id.fullmatch(reference):
                raise
            return [NameCandidate(kind.name_in(parent, reference), reference, "", reference)]

    def _candidates(self, kind: ResourceKind, parent: str) -> Iterator[NameCandidate]:
        if not parent and kind.parent is not None:
            for above in self.candidates(kind.parent):
                yield from self._candidates(kind, above.name)
            return
        for message in kind.list(self._channel, parent):
            ids = kind.name.parse(message.name).ids
            reference = "/".join(ids[1:] or ids)
            yield NameCandidate(
                message.name,
                ids[-1],
                getattr(message, "display_name", ""),
                reference,
                kind is kinds.PROJECT and message.HasField("delete_time"),
            )

    def _only_project(self) -> str:
        projects = self.usable_projects()
        if len(projects) == 1:
            return projects[0].name
        if not projects:
            raise NotFound("project: there is none yet; see `sluice projects create --help`")
        problem = f"required, because the API key can read several: {_listed(projects)}"
        raise ProjectRequired.of("project", problem)


def _choose(
    kind: ResourceKind,
    reference: str,
    candidates: Sequence[NameCandidate],
    parent: str,
    *,
    may_be_gone: bool,
) -> str:
    """The only candidate that the reference means."""
    matches = _matches(kind, reference, candidates)
    if len(matches) == 1:
        return matches[0].name
    if matches:
        raise InvalidArgument.of(
            kind.field,
            f"{reference!r} is ambiguous, expected one of {_listed(matches)}",
            metadata={"candidates": " ".join(match.name for match in matches)},
        )
    has_parent = parent or kind.parent is None
    if may_be_gone and has_parent and kind.complete_id.fullmatch(reference):
        return kind.name_in(parent, reference)
    raise NotFound(_describe_unknown(kind, reference, candidates, parent))


def _matches(
    kind: ResourceKind, reference: str, candidates: Sequence[NameCandidate]
) -> list[NameCandidate]:
    """The candidates by id, else by display name, else by the start of a generated id."""
    if by_id := [c for c in candidates if c.id == reference]:
        return by_id
    if by_display_name := [c for c in candidates if c.display_name == reference]:
        return by_display_name
    if not kind.is_generated or len(reference) < PREFIX_LENGTH_MIN:
        return []
    return [c for c in candidates if c.id.startswith(reference)]


def _describe_unknown(
    kind: ResourceKind, reference: str, candidates: Sequence[NameCandidate], parent: str
) -> str:
    within = f" in {parent}" if parent else ""
    similar = _similar(reference, candidates)
    suggestion = f"; did you mean {_listed(similar)}?" if similar else ""
    return (
        f"{kind.field}: no {kind.noun} {reference!r}{within}{suggestion}; "
        f"see `{_list_command(kind, parent)}`"
    )


def _similar(reference: str, candidates: Sequence[NameCandidate]) -> list[NameCandidate]:
    folded = reference.casefold()
    texts = {text.casefold() for c in candidates for text in (c.id, c.display_name) if text}
    close = {*difflib.get_close_matches(folded, texts, n=CANDIDATES_MAX, cutoff=0.7)}
    close |= {text for text in texts if text.startswith(folded)}
    return [c for c in candidates if {c.id.casefold(), c.display_name.casefold()} & close]


def _list_command(kind: ResourceKind, parent: str) -> str:
    if parent and kind.parent is kinds.PROJECT:
        return f"{kind.list_command} -p {parent.rpartition('/')[2]}"
    if not parent or kind.parent is None:
        return kind.list_command
    return f"{kind.list_command.rpartition(' ')[0]} {parent}"


def list_command_of(message: str) -> str:
    """The command that lists the kind of the first resource name in a text; "" if it has none."""
    if not (match := _RESOURCE_NAME.search(message)) or "see `" in message:
        return ""
    segments = match[0].split("/")
    for kind in kinds.ALL:
        if kind.name.pattern == tuple(segments[::2]):
            parent = "/".join(segments[:-2])
            return _list_command(kind, parent)
    return ""


def _listed(candidates: Sequence[NameCandidate]) -> str:
    shown = ", ".join(map(str, candidates[:CANDIDATES_MAX]))
    rest = len(candidates) - CANDIDATES_MAX
    return f"{shown} and {rest} more" if rest > 0 else shown
