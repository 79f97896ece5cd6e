"""Manifests: the content of a snapshot as a file, whose digest names the snapshot.

The manifest of a version without feedback is the sorted list of (frame id, label id, content
digest) as JSON. With feedback it is an object of three such lists. So the same elements and reviews
give the same digest, in whatever order they were added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from services.campaign.element_points import ACCEPTED, DISCARDED
from services.campaign.records import ElementEntry
from services.records.blobs import read_blob
from services.records.stores import Stores

ManifestLine = tuple[str, str, str]
"""Frame id, label id and content digest (hexadecimal) of an element or sample."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The elements of the issue, the accepted samples beside them, and the negatives: sorted.

    No two lines have the same frame and label id.
    """

    elements: list[ManifestLine]
    accepted: list[ManifestLine]
    negatives: list[ManifestLine]

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Parse a manifest; raises msgspec.DecodeError if it is malformed."""
        parsed = msgspec.json.decode(content, type=list[ManifestLine] | Manifest)
        if isinstance(parsed, Manifest):
            return parsed
        return cls(elements=parsed, accepted=[], negatives=[])

    def to_bytes(self) -> bytes:
        """The file; its digest names the snapshot."""
        with_feedback = self.accepted or self.negatives
        return msgspec.json.encode(self if with_feedback else self.elements)

    def without(self, frame_ids: Collection[str]) -> Manifest:
        """The manifest without the lines of frames; its digest names no snapshot."""
        return Manifest(
            elements=[line for line in self.elements if line[0] not in frame_ids],
            accepted=[line for line in self.accepted if line[0] not in frame_ids],
            negatives=[line for line in self.negatives if line[0] not in frame_ids],
        )

    def of(self, frame_ids: Collection[str]) -> list[ManifestLine]:
        """The lines of frames."""
        return [line for line, _ in self.members if line[0] in frame_ids]

    @property
    def positives(self) -> list[tuple[ManifestLine, str]]:
        """Elements and accepted samples in the model's order, with review ("" for elements)."""
        own = [(line, "") for line in self.elements]
        return sorted([*own, *((line, ACCEPTED) for line in self.accepted)])

    @property
    def members(self) -> list[tuple[ManifestLine, str]]:
        """All lines that have a point in the snapshot, with review; the positives come first."""
        return [*self.positives, *((line, DISCARDED) for line in self.negatives)]


def to_lines(entries: Iterable[ElementEntry]) -> list[ManifestLine]:
    """The sorted lines of elements or samples."""
    return sorted((entry.frame_id, entry.label_id, entry.digest.hex()) for entry in entries)


def to_entry(line: ManifestLine) -> ElementEntry:
    """The element or sample of a line."""
    frame_id, label_id, digest = line
    return ElementEntry(frame_id=frame_id, label_id=label_id, digest=bytes.fromhex(digest))


async def read_manifest(stores: Stores, digest: str) -> Manifest:
    """The manifest of a snapshot; raises DataLoss if it is missing or damaged."""
    return Manifest.from_bytes(await read_blob(stores.blobs, digest))
