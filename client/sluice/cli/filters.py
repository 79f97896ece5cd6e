"""The options that filter the frames of a dataset, and the words for their enum values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.frames import MetadataValue
from sluice.resources.enums import word_of
from sluice.resources.filters import frame_filter
from sluice.v1 import dataset_frame_pb2 as pb


class StatusOption(StrEnum):
    """The annotation status of a group."""

    UNLABELLED = "unlabelled"
    SELECTED = "selected"
    ANNOTATED = "annotated"
    REVIEWED = "reviewed"


class SplitOption(StrEnum):
    """The split of a group."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    GOLDEN = "golden"
    NONE = "none"


class FailureOption(StrEnum):
    """How a model failed on a frame."""

    MISSED = "missed"
    SPURIOUS = "spurious"
    CONFUSED = "confused"


Statuses = Annotated[
    list[StatusOption] | None,
    typer.Option("--status", help="Only groups of this status; may be repeated."),
]
Splits = Annotated[
    list[SplitOption] | None,
    typer.Option("--split", help="Only groups of this split; may be repeated."),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="Only frames with this tag; may be repeated.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", metavar="NAME=VALUE", help="Only frames with this value; may be repeated."
    ),
]
RoundId = Annotated[str, typer.Option("--round", help="Only frames that failed in this round.")]
Failures = Annotated[
    list[FailureOption] | None,
    typer.Option("--failure", help="Only frames with this kind of failure; may be repeated."),
]


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """The filter options of one command line."""

    statuses: list[StatusOption] | None = None
    splits: list[SplitOption] | None = None
    tags: list[str] | None = None
    fields: list[str] | None = None
    round_id: str = ""
    failures: list[FailureOption] | None = None

    def to_proto(self) -> pb.FrameFilter:
        """The filter; a field other than NAME=VALUE is wrong usage."""
        return frame_filter(
            statuses=self.statuses or (),
            splits=self.splits or (),
            tags=self.tags or (),
            fields=dict(map(parse_field, self.fields or ())),
            round_id=self.round_id,
            failures=self.failures or (),
        )


def parse_field(text: str) -> tuple[str, MetadataValue]:
    """A field and its value: `true` and `false`, a number, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r}: expected NAME=VALUE")
    return name, _parse_value(value)


def _parse_value(text: str) -> MetadataValue:
    """Read a boolean or a number; any other text is a string."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def status_word(frame: Any) -> str:
    """The status of a frame as a word."""
    return word_of(pb.AnnotationStatus, "ANNOTATION_STATUS_", frame.status)


def split_word(split: int) -> str:
    """A split as a word."""
    return word_of(pb.Split, "SPLIT_", split)


def failure_words(frame: Any) -> str:
    """The failures of a frame, by round."""
    return ", ".join(
        " ".join([failure.round, *(_failure_word(kind) for kind in failure.kinds)])
        for failure in frame.failures
    )


def _failure_word(kind: int) -> str:
    return word_of(pb.FailureKind, "FAILURE_KIND_", kind)
