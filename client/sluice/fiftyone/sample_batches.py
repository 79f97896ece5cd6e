"""Calls that append many samples: samples of one call have one status, and all or no embeddings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.append_file import AppendCounts
from sluice.errors import InvalidArgument
from sluice.fiftyone.fields import SampleFields
from sluice.labels import Cuboid3D
from sluice.resources.datasets import Datasets, NewFrame

FRAMES_PER_CALL: Final = 512

CALL_BYTES_MAX: Final = 4 * 2**20
"""Maximum bytes of the frames and embeddings in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSample:
    """A sample as a frame, with its tags, its embedding `(dimension,)` and its group's status."""

    frame: NewFrame
    tags: tuple[str, ...]
    embedding: NDArray[np.float32] | None
    status: str

    @property
    def id(self) -> str:
        """The sample's id."""
        return self.frame.frame.id

    @property
    def size_bytes(self) -> int:
        """The bytes of the sample in a call."""
        vector_bytes = 0 if self.embedding is None else self.embedding.nbytes
        return self.frame.to_proto().ByteSize() + vector_bytes


@dataclass(slots=True)
class _SampleBatch:
    samples: list[PreparedSample] = field(default_factory=list)
    size_bytes: int = 0


@dataclass(slots=True)
class SampleBatches:
    """Samples that wait for a call with others of their kind."""

    datasets: Datasets
    dataset: str
    sample_fields: SampleFields
    split: str
    counts: AppendCounts
    first_embedded: PreparedSample | None = None
    _batches: defaultdict[tuple[str, bool], _SampleBatch] = field(
        default_factory=lambda: defaultdict(_SampleBatch)
    )

    def add(self, sample: PreparedSample) -> None:
        """Add a sample, and send the batch that it fills."""
        self._check_dimension(sample)
        kind = sample.status, sample.embedding is not None
        size_bytes = sample.size_bytes
        batch = self._batches[kind]
        if batch.samples and batch.size_bytes + size_bytes > CALL_BYTES_MAX:
            batch = self._replace(kind)
        batch.samples.append(sample)
        batch.size_bytes += size_bytes
        if len(batch.samples) == FRAMES_PER_CALL:
            self._replace(kind)

    def finish(self) -> None:
        """Send the remaining batches."""
        for kind in list(self._batches):
            self._replace(kind)

    def _replace(self, kind: tuple[str, bool]) -> _SampleBatch:
        """Send a batch, and start another."""
        self._send(self._batches.pop(kind).samples)
        return self._batches[kind]

    def _send(self, samples: list[PreparedSample]) -> None:
        if not samples:
            return
        vectors = [sample.embedding for sample in samples if sample.embedding is not None]
        try:
            response = self.datasets.append(
                self.dataset,
                [sample.frame for sample in samples],
                np.stack(vectors) if vectors else None,
                model_id=self.sample_fields.model_id,
                status=samples[0].status,
                split=self.split,
            )
        except InvalidArgument as error:
            raise self._name_sample(error, samples) from error
        self.counts.add(response)
        deleted = {*response.deleted_frame_ids}
        self._tag([sample for sample in samples if sample.id not in deleted])

    def _tag(self, samples: list[PreparedSample]) -> None:
        ids_by_tags: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for sample in samples:
            ids_by_tags[sample.tags].append(sample.id)
        for tags, ids in ids_by_tags.items():
            if tags:
                self.datasets.tag(self.dataset, ids, add=tags)

    def _check_dimension(self, sample: PreparedSample) -> None:
        """Refuse an embedding with another dimension than the first one's."""
        if sample.embedding is None:
            return
        first = self.first_embedded = self.first_embedded or sample
        assert first.embedding is not None
        if len(sample.embedding) != len(first.embedding):
            lengths = f"{len(sample.embedding)} numbers; sample {first.id} has "
            problem = f"sample {sample.id} has {lengths}{len(first.embedding)}"
            raise InvalidArgument.of(self.sample_fields.embedding_field, problem)

    def _name_sample(
        self, error: InvalidArgument, samples: list[PreparedSample]
    ) -> InvalidArgument:
        """A label that does not fit the dataset, as an error of the sample's label field."""
        if error.reason != "LABEL_MISMATCH":
            return error
        frame_id, label_id = error.metadata["frame_id"], error.metadata["label_id"]
        problem = f"sample {frame_id}: {error.fields[0].description}"
        labels = next(sample.frame.frame.labels for sample in samples if sample.id == frame_id)
        if any(isinstance(label.shape, Cuboid3D) for label in labels if label.id == label_id):
            problem += "; read the slices with cuboids apart: select_group_slices([…])"
        return InvalidArgument.of(
            self.sample_fields.label_field, problem, reason=error.reason, metadata=error.metadata
        )
