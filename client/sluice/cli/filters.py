"""The options by which commands choose frames of a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.frames import MetadataValue
from sluice.resources.enums import word_of
from sluice.resources.filters import frame_filter
from sluice.v1 import dataset_frame_pb2 as pb


class Status(StrEnum):
    """How far the labels of a group are."""

    UNLABELLED = "unlabelled"
    SELECTED = "selected"
    ANNOTATED = "annotated"
    REVIEWED = "reviewed"


class Split(StrEnum):
    """What a group is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    GOLDEN = "golden"
    NONE = "none"


class Failure(StrEnum):
    """What a model did wrong."""

    MISSED = "missed"
    SPURIOUS = "spurious"
    CONFUSED = "confused"


Statuses = Annotated[
    list[Status] | None, typer.Option("--status", help="Of this status; may be repeated.")
]
Splits = Annotated[
    list[Split] | None, typer.Option("--split", help="Of this split; may be repeated.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="With this tag; may be repeated.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="With this value; may be repeated."),
]
OfRound = Annotated[str, typer.Option("--round", help="Failures of this round, by its id.")]
Failures = Annotated[
    list[Failure] | None, typer.Option("--failure", help="With this failure; may be repeated.")
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the options say."""

    statuses: list[Status] | None = None
    splits: list[Split] | None = None
    tags: list[str] | None = None
    fields: list[str] | None = None
    of_round: str = ""
    failures: list[Failure] | None = None

    def filter(self) -> pb.FrameFilter:
        """The filter; wrong usage, where a field is no NAME=VALUE."""
        return frame_filter(
            statuses=self.statuses or (),
            splits=self.splits or (),
            tags=self.tags or (),
            fields=dict(map(_field, self.fields or ())),
            round_id=self.of_round,
            failures=self.failures or (),
        )


def _field(text: str) -> tuple[str, MetadataValue]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, _value(value)


def _value(text: str) -> MetadataValue:
    """What a text says: a flag, a number, or else itself."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def status_of(frame: Any) -> str:
    """The status of a frame as a word."""
    return word_of(pb.AnnotationStatus, "ANNOTATION_STATUS_", frame.status)


def split_word(split: int) -> str:
    """A split as a word."""
    return word_of(pb.Split, "SPLIT_", split)


def failures_of(frame: Any) -> str:
    """The failures of a frame, by round."""
    return ", ".join(
        f"{each.round} {' '.join(word_of(pb.FailureKind, 'FAILURE_KIND_', k) for k in each.kinds)}"
        for each in frame.failures
    )
