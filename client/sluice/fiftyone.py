"""FiftyOne datasets: imports samples, and writes tags, fields and saved views back.

The module uses only documented attributes of FiftyOne datasets, samples, groups and labels. It does
not import the package, so it works with any version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sluice.append_file import AppendCounts
from sluice.errors import InvalidArgument
from sluice.formats.rows import IMAGE_SENSOR
from sluice.frames import Frame, MetadataValue, value_from_proto
from sluice.labels import Box2D, Classification2D, Label
from sluice.resources.datasets import Datasets, NewFrame
from sluice.resources.enums import word_of
from sluice.sensors import SensorData
from sluice.v1 import dataset_frame_pb2 as pb

FRAMES_PER_CALL: Final = 512

STATUS, SPLIT, FAILURES = "sluice_status", "sluice_split", "sluice_failures"
"""Fields that `write_back` adds to samples; `append_dataset` ignores them."""

_STANDARD_FIELDS: Final = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}
"""Fields that every sample has."""


@dataclass(frozen=True, slots=True)
class SampleFields:
    """The names of a sample's label and embedding fields; no embeddings if that name is empty."""

    label_field: str = "ground_truth"
    embedding_field: str = ""
    model_id: str = ""


Reading = SampleFields
"""The name of `SampleFields` in 0.1."""


def append_dataset(
    datasets: Datasets,
    dataset: str,
    source: Any,
    sample_fields: SampleFields,
    *,
    status: str = "unlabelled",
    split: str = "",
) -> AppendCounts:
    """Append the samples of a FiftyOne dataset with their tags; a repeated call changes nothing.

    A frame gets the id and the group of its sample; other fields with texts, numbers or flags
    become fields of the frame. Raises InvalidArgument naming a sample with boxes but without
    metadata (call `compute_metadata()`), or one without an embedding if an embedding field is set.
    """
    counts = AppendCounts()
    samples = _samples(source, autosave=False)
    while batch := list(islice(samples, FRAMES_PER_CALL)):
        response = datasets.append(
            dataset,
            [_frame(source, sample, sample_fields) for sample in batch],
            _embeddings(batch, sample_fields),
            model_id=sample_fields.model_id,
            status=status,
            split=split,
        )
        counts.add(response)
        _tag(datasets, dataset, batch)
    return counts


def write_back(datasets: Datasets, dataset: str, target: Any) -> int:
    """Write tags, fields and saved views of a Sluice dataset into a FiftyOne dataset.

    A sample's tags are replaced by its frame's. Status, split and failures go to fields named
    `sluice_…`. A saved view replaces a view of the same name. Returns the number of samples that
    have a frame; other samples do not change.
    """
    frames = {frame.frame.id: frame for frame in datasets.frames(dataset)}
    written = 0
    for sample in _samples(target, autosave=True):
        if frame := frames.get(str(sample.id)):
            _write(sample, frame)
            written += 1
    for view in datasets.views(dataset):
        view_frames = list(datasets.frames(dataset, view.filter))
        target.save_view(view.display_name, _select_frames(target, view_frames), overwrite=True)
    return written


def _samples(source: Any, *, autosave: bool) -> Iterator[Any]:
    """All samples of all slices; with `autosave`, FiftyOne saves changed samples."""
    if source.group_field is None:
        yield from source.iter_samples(autosave=autosave)
        return
    for group in source.iter_groups(autosave=autosave):
        yield from group.values()


def _frame(source: Any, sample: Any, sample_fields: SampleFields) -> NewFrame:
    metadata = sample.metadata
    sensor = SensorData(
        sensor_id=IMAGE_SENSOR,
        url=str(sample.filepath),
        width=int(getattr(metadata, "width", None) or 0),
        height=int(getattr(metadata, "height", None) or 0),
    )
    labels = tuple(_labels(sample, sample_fields.label_field, sensor))
    new = NewFrame(
        Frame(id=str(sample.id), sensors=(sensor,), labels=labels),
        fields=_fields(source, sample, sample_fields),
    )
    if source.group_field is None:
        return new
    group = sample[source.group_field]
    return replace(new, group=str(group.id), slice=str(group.name))


def _labels(sample: Any, field: str, sensor: SensorData) -> Iterator[Label]:
    """The detections or the classification of a sample, boxes in pixels."""
    value = sample[field] if sample.has_field(field) else None
    if value is None:
        return
    if not hasattr(value, "detections"):
        yield Label(id=str(value.id), class_name=value.label, shape=Classification2D())
        return
    if value.detections and not (sensor.width and sensor.height):
        problem = f"sample {sample.id} has none, but its boxes need the size: compute_metadata()"
        raise InvalidArgument.of("metadata", problem)
    size = np.array([sensor.width, sensor.height] * 2)
    for detection in value.detections:
        box = Box2D(*(np.asarray(detection.bounding_box, np.float64) * size).tolist())
        yield Label(
            id=str(detection.id),
            class_name=detection.label,
            shape=_clip(box, sensor),
            sensor_id=IMAGE_SENSOR,
        )


def _clip(box: Box2D, sensor: SensorData) -> Box2D:
    """Clip a box to its image: relative coordinates may exceed the edge by a rounding error."""
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right = min(box.left + box.width, float(sensor.width))
    bottom = min(box.top + box.height, float(sensor.height))
    return Box2D(left, top, right - left, bottom - top)


def _fields(source: Any, sample: Any, sample_fields: SampleFields) -> dict[str, MetadataValue]:
    ignored = _STANDARD_FIELDS | {STATUS, SPLIT, FAILURES, source.group_field}
    ignored |= {sample_fields.label_field, sample_fields.embedding_field}
    values = {name: sample[name] for name in source.get_field_schema() if name not in ignored}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _embeddings(batch: list[Any], sample_fields: SampleFields) -> NDArray[np.float32] | None:
    field = sample_fields.embedding_field
    if not field:
        return None
    for sample in batch:
        if sample[field] is None:
            raise InvalidArgument.of(field, f"sample {sample.id} has no embedding")
    return np.stack([np.asarray(sample[field], np.float32) for sample in batch])


def _tag(datasets: Datasets, dataset: str, batch: list[Any]) -> None:
    ids_by_tags: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for sample in batch:
        ids_by_tags[tuple(sorted(sample.tags))].append(str(sample.id))
    for tags, ids in ids_by_tags.items():
        if tags:
            datasets.tag(dataset, ids, add=tags)


def _write(sample: Any, frame: pb.DatasetFrame) -> None:
    sample.tags = list(frame.tags)
    for name, value in _sample_values(frame).items():
        sample[name] = value


def _sample_values(frame: pb.DatasetFrame) -> Mapping[str, object]:
    kinds = [
        f"{failure.round}:{word_of(pb.FailureKind, 'FAILURE_KIND_', kind)}"
        for failure in frame.failures
        for kind in failure.kinds
    ]
    return {
        **{name: value_from_proto(value, name) for name, value in frame.fields.items()},
        STATUS: word_of(pb.AnnotationStatus, "ANNOTATION_STATUS_", frame.status),
        SPLIT: word_of(pb.Split, "SPLIT_", frame.split),
        FAILURES: kinds,
    }


def _select_frames(target: Any, frames: list[pb.DatasetFrame]) -> Any:
    """The FiftyOne view of these frames; in a grouped dataset, of their whole groups."""
    if target.group_field is None:
        return target.select([frame.frame.id for frame in frames])
    return target.select_groups(sorted({frame.group for frame in frames}))
