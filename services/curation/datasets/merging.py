"""Merging frames into stored ones: the parts that a request states are set, all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from services.curation.datasets.new_frames import (
    AppendRequest,
    FrameToAppend,
    PreparedFrame,
    check_crops,
    create_vectors,
    document_digest,
    frame_error,
    vectors_digest,
)
from services.curation.records import FrameRow, StoredVector
from sluice.frames import Frame, check_metadata
from sluice.sensors import SensorData


@dataclass(frozen=True, slots=True, eq=False)
class MergedFrame:
    """A frame as it is stored after a call.

    `document` is None if the stored one stays. `vectors` has one to write for each of the row's
    vectors; it is None if the stored ones stay.
    """

    row: FrameRow
    document: bytes | None
    vectors: NDArray[np.float32] | None


def needs_document(prepared: PreparedFrame, old: FrameRow, *, replace: bool) -> bool:
    """Whether merging a frame requires its stored document: not if it states the same again."""
    digest = document_digest(prepared.document, old.group, old.slice)
    return not replace and digest != old.document_digest


def merge_frame(
    prepared: PreparedFrame,
    old: FrameRow,
    stored: Frame | None,
    request: AppendRequest,
) -> tuple[Frame, MergedFrame]:
    """Merge a frame into its stored one, all but the embeddings; also returns the whole frame.

    `stored` is None if the request states the whole document. Raises InvalidArgument naming the
    frame, by its index in the request, if the result is invalid.
    """
    index, new = prepared.index, prepared.new
    _check_same_slice(index, old, new)
    frame, document = new.frame, prepared.document
    if stored is not None:
        frame = _merge_documents(stored, new, file_names=request.urls_are_file_names)
        frame.to_proto(f"frames[{index}].frame")  # raises for an invalid or too large frame
        document = frame.to_bytes()
    fields = {**old.fields, **new.fields}
    check_metadata(f"frames[{index}].fields", fields)
    row = structs.replace(
        old,
        document_digest=document_digest(document, old.group, old.slice),
        fields=fields,
        labelled=new.states_labels if request.replace else old.labelled or new.states_labels,
    )
    changed = row.document_digest != old.document_digest
    return frame, MergedFrame(row, document if changed else None, None)


def kept_vectors(
    prepared: PreparedFrame, old: FrameRow, frame: Frame, *, replace: bool
) -> tuple[StoredVector, ...]:
    """The stored embeddings that stay; those of crops go with their labels."""
    if replace and prepared.row.vectors:
        return ()
    stated = {vector.label_id for vector in prepared.row.vectors}
    remaining = {"", *(label.id for label in frame.labels)} - stated
    return tuple(vector for vector in old.vectors if vector.label_id in remaining)


def merge_vectors(
    prepared: PreparedFrame,
    merged: MergedFrame,
    kept_ids: Sequence[str],
    kept: NDArray[np.float32],
) -> MergedFrame:
    """The frame with the embeddings of the request, and the stored ones that stay.

    `kept` has a unit vector for each of the label ids `kept_ids`.
    """
    old = merged.row
    label_ids = [*kept_ids, *(vector.label_id for vector in prepared.row.vectors)]
    order = sorted(range(len(label_ids)), key=label_ids.__getitem__)
    label_ids = [label_ids[position] for position in order]
    vectors = prepared.vectors
    if kept_ids:
        parts = [kept, vectors] if prepared.row.vectors else [kept]
        vectors = np.concatenate(parts)[order]
    digest = vectors_digest(label_ids, vectors)
    if digest == old.vectors_digest:
        return merged
    points = create_vectors(label_ids) if kept_ids else prepared.row.vectors
    row = structs.replace(old, vectors=points, vectors_digest=digest)
    return replace(merged, row=row, vectors=vectors)


def check_embeddings(index: int, merged: MergedFrame, frame: Frame) -> None:
    """Refuse embeddings that do not fit the merged frame."""
    check_crops(index, frame, [vector.label_id for vector in merged.row.vectors])


def _merge_documents(stored: Frame, new: FrameToAppend, *, file_names: bool) -> Frame:
    frame = new.frame
    return Frame(
        id=stored.id,
        capture_time=frame.capture_time or stored.capture_time,
        device=frame.device or stored.device,
        sensors=_merge_sensors(stored.sensors, frame.sensors, file_names=file_names),
        labels=frame.labels if new.states_labels else stored.labels,
        metadata={**stored.metadata, **frame.metadata},
    )


def _merge_sensors(
    stored: Sequence[SensorData], new: Sequence[SensorData], *, file_names: bool
) -> tuple[SensorData, ...]:
    merged = {sensor.sensor_id: sensor for sensor in stored}
    for sensor in new:
        old = merged.get(sensor.sensor_id)
        merged[sensor.sensor_id] = (
            sensor if old is None else _merge_sensor(old, sensor, file_names=file_names)
        )
    return tuple(merged.values())


def _merge_sensor(old: SensorData, new: SensorData, *, file_names: bool) -> SensorData:
    media = old if file_names else new
    return SensorData(
        sensor_id=old.sensor_id,
        url=media.url,
        media_type=media.media_type,
        capture_time=new.capture_time or old.capture_time,
        width=new.width or old.width,
        height=new.height or old.height,
    )


def _check_same_slice(index: int, old: FrameRow, new: FrameToAppend) -> None:
    """Refuse a frame that would move to another group or slice."""
    slices = (("group", old.group, new.group), ("slice", old.slice, new.slice))
    for path, stored, stated in slices:
        if stated not in ("", stored):
            problem = f"{stated!r}; it is {stored!r}, which cannot be changed"
            raise frame_error(index, old.id, f".{path}", problem)
