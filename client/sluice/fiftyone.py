"""FiftyOne datasets: read into a dataset of Sluice; tags, fields and saved views written back.

Written against the names that FiftyOne documents for datasets, samples, groups and labels; the
package itself is not imported, so a caller may have any version of it.
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
"""The fields of a sample that say what Sluice knows of it; they are not read in again."""

_OWN: Final = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}
"""Fields that every sample has."""


@dataclass(frozen=True, slots=True)
class SampleFields:
    """The fields of a sample that hold its labels and its embedding, if it has any."""

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
    """Append the samples of a FiftyOne dataset, with tags; again, it changes nothing.

    A sample's id is the frame's, its group the scene, and its other fields that are texts, numbers
    or flags are fields. Raises InvalidArgument naming a sample with boxes but without metadata,
    which `compute_metadata()` makes, and one without the embedding that others have.
    """
    done = AppendCounts()
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
        done.add(response)
        _tag(datasets, dataset, batch)
    return done


def write_back(datasets: Datasets, dataset: str, target: Any) -> int:
    """Write tags, fields and saved views of a dataset of Sluice into a FiftyOne dataset.

    The tags of a sample become those of its frame. Status, split and failures stand in fields
    named `sluice_…`. A view becomes one of the same name, in place of one that was there. Returns
    the number of samples that are frames; others stay as they are.
    """
    frames = {frame.frame.id: frame for frame in datasets.frames(dataset)}
    written = 0
    for sample in _samples(target, autosave=True):
        if frame := frames.get(str(sample.id)):
            _write(sample, frame)
            written += 1
    for view in datasets.views(dataset):
        shown = list(datasets.frames(dataset, view.filter))
        target.save_view(view.display_name, _selected(target, shown), overwrite=True)
    return written


def _samples(source: Any, *, autosave: bool) -> Iterator[Any]:
    """All samples, those of all slices; with `autosave`, what is changed is saved."""
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
        problem = f"sample {sample.id} has none, and boxes are shares of it: compute_metadata()"
        raise InvalidArgument.of("metadata", problem)
    size = np.array([sensor.width, sensor.height] * 2)
    for detection in value.detections:
        box = Box2D(*(np.asarray(detection.bounding_box, np.float64) * size).tolist())
        yield Label(
            id=str(detection.id),
            class_name=detection.label,
            shape=_inside(box, sensor),
            sensor_id=IMAGE_SENSOR,
        )


def _inside(box: Box2D, sensor: SensorData) -> Box2D:
    """A box without the last bits by which shares of an image may go over its edge."""
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right = min(box.left + box.width, float(sensor.width))
    bottom = min(box.top + box.height, float(sensor.height))
    return Box2D(left, top, right - left, bottom - top)


def _fields(source: Any, sample: Any, sample_fields: SampleFields) -> dict[str, MetadataValue]:
    passed = _OWN | {STATUS, SPLIT, FAILURES, source.group_field}
    passed |= {sample_fields.label_field, sample_fields.embedding_field}
    values = {name: sample[name] for name in source.get_field_schema() if name not in passed}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _embeddings(batch: list[Any], sample_fields: SampleFields) -> NDArray[np.float32] | None:
    field = sample_fields.embedding_field
    if not field:
        return None
    for sample in batch:
        if sample[field] is None:
            raise InvalidArgument.of(field, f"sample {sample.id} has none")
    return np.stack([np.asarray(sample[field], np.float32) for sample in batch])


def _tag(datasets: Datasets, dataset: str, batch: list[Any]) -> None:
    tagged: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for sample in batch:
        tagged[tuple(sorted(sample.tags))].append(str(sample.id))
    for tags, ids in tagged.items():
        if tags:
            datasets.tag(dataset, ids, add=tags)


def _write(sample: Any, frame: pb.DatasetFrame) -> None:
    sample.tags = list(frame.tags)
    for name, value in _written(frame).items():
        sample[name] = value


def _written(frame: pb.DatasetFrame) -> Mapping[str, object]:
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


def _selected(target: Any, shown: list[pb.DatasetFrame]) -> Any:
    """The FiftyOne view that has these frames; of a grouped dataset their whole groups."""
    if target.group_field is None:
        return target.select([frame.frame.id for frame in shown])
    return target.select_groups(sorted({frame.group for frame in shown}))
