"""The names of FiftyOne's that `sluice.fiftyone` uses, as it documents them.

The package itself starts a database server, which it downloads; so these stand in for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ImageMetadata:
    """`fiftyone.ImageMetadata`."""

    width: int
    height: int


@dataclass
class Group:
    """`fiftyone.Group`: the id is shared by the slices, the name is the slice's."""

    id: str
    name: str


@dataclass
class Detection:
    """`fiftyone.Detection`: the box is left, top, width and height as shares of the image."""

    id: str
    label: str
    bounding_box: list[float]


@dataclass
class Detections:
    """`fiftyone.Detections`."""

    detections: list[Detection]


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

    def __setitem__(self, name: str, value: Any) -> None:
        self._fields[name] = value


@dataclass
class Dataset:
    """`fiftyone.Dataset`; a view is the ids that it selects."""

    samples: list[Sample]
    group_field: str | None = None
    views: dict[str, list[str]] = field(default_factory=dict)
    autosaved: bool = False

    def iter_samples(self, autosave: bool = False) -> Iterator[Sample]:
        """The samples of a dataset without groups."""
        assert self.group_field is None
        self.autosaved |= autosave
        return iter(self.samples)

    def iter_groups(self, autosave: bool = False) -> Iterator[dict[str, Sample]]:
        """The samples of each group, by slice."""
        assert self.group_field is not None
        self.autosaved |= autosave
        groups: dict[str, dict[str, Sample]] = {}
        for sample in self.samples:
            group = sample[self.group_field]
            groups.setdefault(group.id, {})[group.name] = sample
        return iter(groups.values())

    def get_field_schema(self) -> dict[str, object]:
        """The fields of samples, those that every sample has included."""
        own = ("id", "filepath", "tags", "metadata", "created_at", "last_modified_at")
        return dict.fromkeys([*own, *self.samples[0]._fields])

    def select(self, sample_ids: Sequence[str]) -> list[str]:
        """The view of some samples."""
        return list(sample_ids)

    def select_groups(self, group_ids: Sequence[str]) -> list[str]:
        """The view of some groups."""
        return list(group_ids)

    def save_view(self, name: str, view: list[str], overwrite: bool = False) -> None:
        """Save a view; only `overwrite` replaces one of the same name."""
        if name in self.views and not overwrite:
            raise ValueError(f"Dataset already has a saved view with name '{name}'")
        self.views[name] = view
