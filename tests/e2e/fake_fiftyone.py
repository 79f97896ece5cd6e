"""The attributes of FiftyOne that `sluice.fiftyone` reads of a dataset without groups.

FiftyOne itself starts a database and is large: tests/peers runs everything on it. These stand in
for it where a test needs an import from FiftyOne and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ImageMetadata:
    """`fiftyone.ImageMetadata`."""

    width: int
    height: int


@dataclass
class Detection:
    """`fiftyone.Detection`: the box is left, top, width and height as shares of the image."""

    id: str
    label: str
    bounding_box: list[float]


@dataclass
class Detections:
    """`fiftyone.Detections`."""

    detections: list[Detection] = field(default_factory=list)


class Sample:
    """`fiftyone.Sample`: fields by name, of which some are attributes of every sample."""

    def __init__(self, id: str, filepath: str, **fields: Any) -> None:
        self.id, self.filepath = id, filepath
        self.tags: list[str] = fields.pop("tags", [])
        self.metadata: ImageMetadata | None = fields.pop("metadata", None)
        self._fields = fields

    def has_field(self, name: str) -> bool:
        """Whether there is a field of that name."""
        return name in self._fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]


@dataclass
class Dataset:
    """`fiftyone.Dataset`."""

    samples: list[Sample]
    group_field: str | None = None

    def iter_samples(self, autosave: bool = False) -> Iterator[Sample]:
        """The samples."""
        return iter(self.samples)

    def get_field_schema(self) -> dict[str, object]:
        """The fields of samples, those that every sample has included."""
        own = ("id", "filepath", "tags", "metadata", "created_at", "last_modified_at")
        return dict.fromkeys([*own, *self.samples[0]._fields])
