"""Whose label ids are: in one dataset, a label id is one frame's for good."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.datasets.new_frames import CheckedFrame, frame_error
from services.curation.records import FrameReference, label_key
from services.ledger.interface import Ledger
from services.records.records import decode, encode
from sluice.names import DatasetName


async def claim_labels(
    ledger: Ledger, name: DatasetName, candidates: Sequence[tuple[int, CheckedFrame]]
) -> dict[str, bytes]:
    """What the transaction that appends these frames puts, under keys that must not exist yet.

    Each candidate comes with its place in the call. Raises InvalidArgument naming the first label
    whose id is another frame's.
    """
    keys = {
        label_id: label_key(name.dataset, label_id)
        for _, candidate in candidates
        for label_id in candidate.label_ids
    }
    if not keys:
        return {}
    known = await ledger.get(name.project, list(keys.values()))
    owners = {
        label_id: decode(FrameReference, known[key]).frame_id
        for label_id, key in keys.items()
        if key in known
    }
    for place, candidate in candidates:
        for number, label_id in enumerate(candidate.label_ids):
            owner = owners.setdefault(label_id, candidate.row.id)
            if owner != candidate.row.id:
                problem = f"{label_id!r} is the id of a label of frame {owner!r} in {name}"
                where = f".frame.labels[{number}].id"
                raise frame_error(place, candidate.row.id, where, problem, label_id=label_id)
    return {
        key: encode(FrameReference(frame_id=owners[label_id]))
        for label_id, key in keys.items()
        if key not in known
    }
