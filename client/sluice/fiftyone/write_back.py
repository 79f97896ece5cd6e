"""Writing tags, fields and saved views of a dataset of Sluice into a FiftyOne dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.errors import InvalidArgument
from sluice.fiftyone.field_plan import FieldValue, TargetFields, Values
from sluice.fiftyone.fields import ADDED_FIELDS, FAILURES, SPLIT, STATUS
from sluice.fiftyone.saved_views import check_view_names
from sluice.fiftyone.source import flatten
from sluice.frames import value_from_proto
from sluice.resources.datasets import Datasets
from sluice.resources.enums import word_of
from sluice.v1 import dataset_frame_pb2 as pb


def write_back(datasets: Datasets, dataset: str, target: Any) -> int:
    """Write tags, fields and saved views of a Sluice dataset into a FiftyOne dataset.

    A sample's tags are replaced by its frame's. Status, split and failures go to fields named
    `sluice_…`. A saved view replaces a view of the same name; in a grouped dataset it has the whole
    groups of its frames. Returns the number of samples that have a frame; other samples do not
    change.

    Everything is checked before anything is written. Raises InvalidArgument for a field name that
    FiftyOne reserves and for a value that its field cannot store, naming the sample, and
    FailedPrecondition for two views that FiftyOne cannot tell apart. If FiftyOne itself fails
    halfway, the next call completes the rest.
    """
    work = _WriteBack.make(datasets, dataset, target)
    work.write_samples()
    work.save_views()
    return len(work.tags)


@dataclass(frozen=True, slots=True)
class _WriteBack:
    """All that will be written: tags by sample id, values by field, and sample ids by view."""

    target: Any
    tags: Mapping[str, list[str]]
    values: Values
    views: Mapping[str, list[str]]
    groups: Mapping[str, str]
    """The group of each sample of a grouped dataset."""

    @classmethod
    def make(cls, datasets: Datasets, dataset: str, target: Any) -> _WriteBack:
        """Read everything, and check it against FiftyOne's dataset."""
        if not hasattr(target, "save_view"):
            problem = f"{type(target).__name__}; expected the Dataset, which keeps the saved views"
            raise InvalidArgument.of("target", problem)
        samples = flatten(target)
        sample_ids = set(samples.values("id"))
        frames = [f for f in datasets.frames(dataset) if f.frame.id in sample_ids]
        fields = TargetFields(samples, target.get_field_schema(), target.group_field)
        return cls(
            target,
            {frame.frame.id: list(frame.tags) for frame in frames},
            fields.check(_values(frames)),
            _read_views(datasets, dataset, target),
            _read_groups(target, samples),
        )

    def write_samples(self) -> None:
        """Write the values that differ, field by field."""
        samples = flatten(self.target)
        for name, values in (("tags", self.tags), *self.values.items()):
            stored: dict[str, object] = {}
            if samples.has_field(name):
                stored = dict(zip(*samples.values(["id", name]), strict=True))
            changed = {id: value for id, value in values.items() if stored.get(id) != value}
            if changed:
                samples.set_values(name, changed, key_field="id")

    def save_views(self) -> None:
        """Save the views; in a grouped dataset, of whole groups."""
        for name, sample_ids in self.views.items():
            present = [id for id in sample_ids if id in self.tags]
            if self.target.group_field is None:
                view = self.target.select(present)
            else:
                view = self.target.select_groups(sorted({self.groups[id] for id in present}))
            self.target.save_view(name, view, overwrite=True)


def _values(frames: list[pb.DatasetFrame]) -> Values:
    values: defaultdict[str, dict[str, FieldValue]] = defaultdict(dict)
    for frame in frames:
        for name, value in frame.fields.items():
            if name in ADDED_FIELDS:
                problem = f"{name!r} is written by write_back; rename it"
                raise InvalidArgument.of("fields", f"frame {frame.frame.id}: {problem}")
            values[name][frame.frame.id] = value_from_proto(value, name)
        values[STATUS][frame.frame.id] = word_of(
            pb.AnnotationStatus, "ANNOTATION_STATUS_", frame.status
        )
        values[SPLIT][frame.frame.id] = word_of(pb.Split, "SPLIT_", frame.split)
        values[FAILURES][frame.frame.id] = _failures(frame)
    return values


def _failures(frame: pb.DatasetFrame) -> list[str]:
    return [
        f"{failure.round}:{word_of(pb.FailureKind, 'FAILURE_KIND_', kind)}"
        for failure in frame.failures
        for kind in failure.kinds
    ]


def _read_views(datasets: Datasets, dataset: str, target: Any) -> dict[str, list[str]]:
    """The frame ids of each view, by the view's name."""
    views = list(datasets.views(dataset))
    names = [view.display_name or view.name.rpartition("/")[2] for view in views]
    check_view_names(names, target.list_saved_views())
    return {
        name: [frame.frame.id for frame in datasets.frames(dataset, view=view.name)]
        for name, view in zip(names, views, strict=True)
    }


def _read_groups(target: Any, samples: Any) -> dict[str, str]:
    if target.group_field is None:
        return {}
    return dict(zip(*samples.values(["id", f"{target.group_field}.id"]), strict=True))
