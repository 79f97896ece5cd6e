"""Owners of label ids: within a dataset, a label id belongs to one frame for good."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.datasets.new_frames import PreparedFrame, frame_error
from services.curation.records import FrameReference, label_key
from services.ledger.interface import Ledger
from services.records.records import decode, encode
from sluice.names import DatasetName


async def claim_labels(
    ledger: Ledger, name: DatasetName, frames: Sequence[PreparedFrame]
) -> dict[str, bytes]:
    """The puts that record which frame owns each label id; their keys must not exist yet.

    Raises InvalidArgument naming the first label id that another frame owns.
    """
    keys = {
        label_id: label_key(name.dataset, label_id)
        for frame in frames
        for label_id in frame.label_ids
    }
    if not keys:
        return {}
    entries = await ledger.get(name.project, list(keys.values()))
    owners = {
        label_id: decode(FrameReference, entries[key]).frame_id
        for label_id, key in keys.items()
        if key in entries
    }
    for frame in frames:
        for number, label_id in enumerate(frame.label_ids):
            owner = owners.setdefault(label_id, frame.row.id)
            if owner != frame.row.id:
                problem = f"{label_id!r} is a label of frame {owner!r} in {name}"
                path = f".frame.labels[{number}].id"
                raise frame_error(frame.index, frame.row.id, path, problem, label_id=label_id)
    return {
        key: encode(FrameReference(frame_id=owners[label_id]))
        for label_id, key in keys.items()
        if key not in entries
    }
