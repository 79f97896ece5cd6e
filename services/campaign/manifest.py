"""Manifests: what a snapshot consists of, as the file whose digest is the snapshot's.

Of a version without feedback it is the sorted list of (frame id, label id, content digest) as
JSON. With feedback it is an object of three such lists. So one issue with the same reviews gives
one digest, in whatever order its elements came.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from services.campaign.points import ACCEPTED, DISCARDED
from services.campaign.records import ElementEntry
from services.records.blobs import read_blob
from services.records.stores import Stores

Line = tuple[str, str, str]
"""Frame id, label id and content digest (hexadecimal) of an element, or of a sample."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The elements of the issue, the accepted samples beside them, and the negatives: sorted.

    No frame and label id stands twice.
    """

    elements: list[Line]
    accepted: list[Line]
    negatives: list[Line]

    @classmethod
    def from_bytes(cls, file: bytes) -> Manifest:
        """The manifest of that file; msgspec.DecodeError if it is none."""
        found = msgspec.json.decode(file, type=list[Line] | Manifest)
        if isinstance(found, Manifest):
            return found
        return cls(elements=found, accepted=[], negatives=[])

    def to_bytes(self) -> bytes:
        """The file; its digest is the snapshot's."""
        with_feedback = self.accepted or self.negatives
        return msgspec.json.encode(self if with_feedback else self.elements)

    @property
    def positives(self) -> list[tuple[Line, str]]:
        """What the model scores for, in its order, each with its review, "" for the issue's own."""
        own = [(line, "") for line in self.elements]
        return sorted([*own, *((line, ACCEPTED) for line in self.accepted)])

    @property
    def members(self) -> list[tuple[Line, str]]:
        """All that the snapshot has a point of, the positives first, each with its review."""
        return [*self.positives, *((line, DISCARDED) for line in self.negatives)]


def lines_of(entries: Iterable[ElementEntry]) -> list[Line]:
    """The lines of elements or samples, whatever order they come in."""
    return sorted((e.frame_id, e.label_id, e.digest.hex()) for e in entries)


def entry_of(line: Line) -> ElementEntry:
    """The element or sample of a line."""
    frame_id, label_id, digest = line
    return ElementEntry(frame_id=frame_id, label_id=label_id, digest=bytes.fromhex(digest))


async def read_manifest(stores: Stores, digest: str) -> Manifest:
    """The manifest of a snapshot; DataLoss if it is gone or not what was written."""
    return Manifest.from_bytes(await read_blob(stores.blobs, digest))
