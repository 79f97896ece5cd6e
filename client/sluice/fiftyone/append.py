"""Appending the samples of a FiftyOne dataset or view to a dataset of Sluice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sluice.append_file import AppendCounts
from sluice.errors import InvalidArgument
from sluice.fiftyone.fields import SampleFields, read_fields
from sluice.fiftyone.labels import read_labels
from sluice.fiftyone.media import SampleMedia
from sluice.fiftyone.sample_batches import PreparedSample, SampleBatches
from sluice.fiftyone.source import SampleSource
from sluice.frames import Frame
from sluice.resources.datasets import Datasets, NewFrame

_NO_STATUS: Final = ""
"""New groups are unlabelled, existing ones stay."""

_LABELLED_STATUSES: Final = ("annotated", "reviewed")


@dataclass(slots=True)
class FiftyOneCounts(AppendCounts):
    """How many frames were added, changed, unchanged or deleted, and which are incomplete."""

    unlabelled_groups: list[str] = field(default_factory=list)
    """Groups without ground truth: they stay unlabelled whatever the status of the call. A sample
    without a group is a group under its own id."""

    without_embedding: list[str] = field(default_factory=list)
    """Samples without an embedding, if an embedding field is read."""


def append_dataset(
    datasets: Datasets,
    dataset: str,
    source: Any,
    sample_fields: SampleFields,
    *,
    status: str = _NO_STATUS,
    split: str = "",
) -> FiftyOneCounts:
    """Append the samples of a FiftyOne dataset or view with their tags; repeating changes nothing.

    All slices of all groups are read. A frame gets the id and the group of its sample; other fields
    with texts, numbers or flags become fields of the frame. With status annotated or reviewed, a
    sample without ground truth (None, not an empty list) stays unlabelled, and so does its group.
    A sample without an embedding is appended without one. Raises InvalidArgument naming the sample
    and the field of what cannot be read; samples before it may have been appended.
    """
    _check(sample_fields, status)
    samples = SampleSource.of(source, sample_fields)
    counts = FiftyOneCounts()
    batches = SampleBatches(datasets, dataset, sample_fields, split, counts)
    for prepared in _prepare(samples, sample_fields, status, counts):
        batches.add(prepared)
    batches.finish()
    return counts


def _check(sample_fields: SampleFields, status: str) -> None:
    if sample_fields.embedding_field and not sample_fields.model_id:
        problem = f"required, because embeddings are read from {sample_fields.embedding_field!r}"
        raise InvalidArgument.of("model_id", problem)
    if status in _LABELLED_STATUSES and not sample_fields.label_field:
        raise InvalidArgument.of("label_field", f"required for status {status!r}")


def _prepare(
    samples: SampleSource, sample_fields: SampleFields, status: str, counts: FiftyOneCounts
) -> Iterator[PreparedSample]:
    checks_labels = status in _LABELLED_STATUSES
    if checks_labels and samples.group_field:
        counts.unlabelled_groups.extend(sorted(samples.unlabelled_groups()))
    unlabelled = set(counts.unlabelled_groups)
    for sample in samples:
        group, slice_ = samples.group_of(sample)
        ground_truth = samples.ground_truth_of(sample)
        if checks_labels and not samples.group_field and ground_truth is None:
            counts.unlabelled_groups.append(str(sample.id))
            unlabelled.add(str(sample.id))
        media = SampleMedia.of(sample)
        frame = _frame(sample, ground_truth, media, samples.label_field)
        embedding = _embedding(sample, media, sample_fields.embedding_field)
        if sample_fields.embedding_field and embedding is None:
            counts.without_embedding.append(str(sample.id))
        yield PreparedSample(
            NewFrame(
                frame,
                group,
                slice_,
                read_fields(sample, samples.field_names),
                labelled=ground_truth is not None,
            ),
            tuple(sorted(sample.tags)),
            embedding,
            _NO_STATUS if (group or frame.id) in unlabelled else status,
        )


def _frame(sample: Any, ground_truth: Any, media: SampleMedia, label_field: str) -> Frame:
    labels = () if ground_truth is None else tuple(read_labels(ground_truth, media, label_field))
    frame = Frame(id=str(sample.id), sensors=(media.sensor,), labels=labels)
    try:
        frame.check()
    except InvalidArgument as error:
        raise media.error(label_field or "filepath", error.message) from None
    return frame


def _embedding(sample: Any, media: SampleMedia, field_name: str) -> NDArray[np.float32] | None:
    value = sample[field_name] if field_name else None
    if value is None:
        return None
    embedding = np.asarray(value, np.float32)
    if embedding.ndim != 1 or not np.isfinite(embedding).all() or not embedding.any():
        raise media.error(field_name, "expected a vector of finite numbers that are not all zero")
    return embedding
