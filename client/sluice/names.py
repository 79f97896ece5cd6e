"""Resource names such as `projects/p/campaigns/c`: parsing and formatting."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Self
from urllib.parse import quote, unquote

from sluice.errors import InvalidArgument
from sluice.limits import RESOURCE_ID_CHARACTERS_MAX

_RESOURCE_ID = re.compile(rf"[a-z][a-z0-9-]{{0,{RESOURCE_ID_CHARACTERS_MAX - 1}}}")


def check_resource_id(value: str, field: str) -> str:
    """The value, if it is a valid id of a project or dataset; else InvalidArgument for `field`."""
    if not _RESOURCE_ID.fullmatch(value):
        raise InvalidArgument.of(
            field,
            f"{value!r} is not 1 to {RESOURCE_ID_CHARACTERS_MAX} of a-z, 0-9 and -, beginning with "
            "a letter",
        )
    return value


@dataclass(frozen=True, slots=True, order=True)
class ResourceName:
    """A resource name; `str` formats it, `parse` reads it.

    Ids are percent-encoded, so that any id, even one with a slash, is one segment of a name and of
    a ledger key.
    """

    pattern: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        segments = (quote(id, safe=":@+,") for id in self.ids)
        return "/".join(f"{kind}/{id}" for kind, id in zip(self.pattern, segments, strict=True))

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Read a name; InvalidArgument for `field`, with the expected form, if it is malformed."""
        parts = text.split("/")
        kinds, ids = parts[::2], parts[1::2]
        if tuple(kinds) != cls.pattern or len(ids) != len(kinds) or not all(ids):
            form = "/".join(f"{kind}/{{{_singular(kind)}}}" for kind in cls.pattern)
            raise InvalidArgument.of(field, f"{text!r} is not of the form {form}")
        return cls(*map(unquote, ids))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the name, from the project's to its own."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True, order=True)
class ProjectName(ResourceName):
    """`projects/{project}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects",)
    project: str


@dataclass(frozen=True, slots=True, order=True)
class ApiKeyName(ResourceName):
    """`projects/{project}/apiKeys/{key}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "apiKeys")
    project: str
    key: str


@dataclass(frozen=True, slots=True, order=True)
class DatasetName(ResourceName):
    """`projects/{project}/datasets/{dataset}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets")
    project: str
    dataset: str


@dataclass(frozen=True, slots=True, order=True)
class DatasetFrameName(ResourceName):
    """`projects/{project}/datasets/{dataset}/frames/{frame}`, the frame id percent-encoded."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "frames")
    project: str
    dataset: str
    frame: str


@dataclass(frozen=True, slots=True, order=True)
class ViewName(ResourceName):
    """`projects/{project}/datasets/{dataset}/views/{view}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "views")
    project: str
    dataset: str
    view: str


@dataclass(frozen=True, slots=True, order=True)
class RoundName(ResourceName):
    """`projects/{project}/datasets/{dataset}/rounds/{round}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "rounds")
    project: str
    dataset: str
    round: str


@dataclass(frozen=True, slots=True, order=True)
class GoldenSetName(ResourceName):
    """`projects/{project}/datasets/{dataset}/goldenSets/{golden_set}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "goldenSets")
    project: str
    dataset: str
    golden_set: str


@dataclass(frozen=True, slots=True, order=True)
class GoldenCheckName(ResourceName):
    """`projects/{project}/datasets/{dataset}/goldenSets/{golden_set}/checks/{check}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "goldenSets", "checks")
    project: str
    dataset: str
    golden_set: str
    check: str


@dataclass(frozen=True, slots=True, order=True)
class BatchName(ResourceName):
    """`projects/{project}/datasets/{dataset}/batches/{batch}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "datasets", "batches")
    project: str
    dataset: str
    batch: str


@dataclass(frozen=True, slots=True, order=True)
class IssueName(ResourceName):
    """`projects/{project}/issues/{issue}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "issues")
    project: str
    issue: str


@dataclass(frozen=True, slots=True, order=True)
class CampaignName(ResourceName):
    """`projects/{project}/campaigns/{campaign}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "campaigns")
    project: str
    campaign: str


@dataclass(frozen=True, slots=True, order=True)
class VersionName(ResourceName):
    """`projects/{project}/campaigns/{campaign}/versions/{number}`."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "campaigns", "versions")
    project: str
    campaign: str
    number: str


@dataclass(frozen=True, slots=True, order=True)
class SampleName(ResourceName):
    """`projects/{project}/campaigns/{campaign}/samples/{frame}`, the frame id percent-encoded."""

    pattern: ClassVar[tuple[str, ...]] = ("projects", "campaigns", "samples")
    project: str
    campaign: str
    frame: str


def _singular(kind: str) -> str:
    return kind[:-2] if kind.endswith("ches") else kind[:-1]
