"""The stored rows and documents of the frames of an append, and the merge with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from services.curation.datasets import points
from services.curation.datasets.merging import (
    MergedFrame,
    check_embeddings,
    kept_vectors,
    merge_frame,
    merge_vectors,
    needs_document,
)
from services.curation.datasets.new_frames import AppendRequest, PreparedFrame, document_digest
from services.curation.records import (
    LOST_DIGEST,
    DatasetFrames,
    FrameDocument,
    FrameRow,
    document_key,
    frame_key,
)
from services.ledger.interface import Conflict, Entry
from services.records.documents import StoredRecord
from services.records.records import decode
from services.records.stores import Stores
from sluice.errors import DataLoss
from sluice.frames import Frame
from sluice.names import DatasetFrameName, DatasetName

StoredRows = Sequence[StoredRecord[FrameRow] | None]
"""The stored row of each frame of a request; None for a new frame."""


async def read_rows(
    stores: Stores, name: DatasetName, frames: Sequence[PreparedFrame]
) -> StoredRows:
    """The stored rows of the frames of a request."""
    keys = [frame_key(name.dataset, frame.row.id) for frame in frames]
    entries = await stores.ledger.get(name.project, keys)
    return [
        StoredRecord(decode(FrameRow, entry), entry.revision)
        if (entry := entries.get(key))
        else None
        for key in keys
    ]


@dataclass(frozen=True, slots=True)
class Merge:
    """The merge of a request's frames with the stored frames of a dataset."""

    stores: Stores
    name: DatasetName
    request: AppendRequest
    frames: Sequence[PreparedFrame]

    async def merge(self, space: DatasetFrames, stored: StoredRows) -> list[MergedFrame]:
        """All frames of the request as they are stored after the call.

        Raises InvalidArgument naming a frame that would be invalid, DataLoss naming one that has
        lost its document or an embedding, and Conflict if another call changed or deleted it.
        """
        try:
            return await self._merge(space, stored)
        except DataLoss:
            await self._check_unchanged(stored)
            raise

    async def _merge(self, space: DatasetFrames, stored: StoredRows) -> list[MergedFrame]:
        documents = await self._read_documents(stored)
        pairs = await asyncio.to_thread(self._merge_documents, stored, documents)
        result: list[MergedFrame] = []
        for index, ((frame, document_merged), old) in enumerate(zip(pairs, stored, strict=True)):
            merged = document_merged
            if old is not None:
                merged = await self._merge_vectors(space, index, frame, old.record, merged)
            check_embeddings(self.frames[index].index, merged, frame)
            result.append(merged)
        return result

    async def _check_unchanged(self, stored: StoredRows) -> None:
        """Raise Conflict if a frame was changed or deleted since its row was read."""
        rows = await read_rows(self.stores, self.name, self.frames)
        for frame, before, now in zip(self.frames, stored, rows, strict=True):
            if before and (now is None or now.revision != before.revision):
                raise Conflict(frame_key(self.name.dataset, frame.row.id), "changed meanwhile")

    async def _read_documents(self, stored: StoredRows) -> dict[str, Entry | None]:
        """The entries of the documents that the merge needs, by frame id."""
        frame_ids = [
            old.record.id
            for frame, old in zip(self.frames, stored, strict=True)
            if old and needs_document(frame, old.record, replace=self.request.replace)
        ]
        keys = [document_key(self.name.dataset, frame_id) for frame_id in frame_ids]
        entries = await self.stores.ledger.get(self.name.project, keys) if keys else {}
        return dict(zip(frame_ids, map(entries.get, keys), strict=True))

    def _merge_documents(
        self, stored: StoredRows, documents: dict[str, Entry | None]
    ) -> list[tuple[Frame, MergedFrame]]:
        pairs: list[tuple[Frame, MergedFrame]] = []
        for prepared, old in zip(self.frames, stored, strict=True):
            if old is None:
                new = MergedFrame(prepared.row, prepared.document, prepared.vectors)
                pairs.append((prepared.new.frame, new))
                continue
            frame = None
            if old.record.id in documents:
                frame = self._decode_document(old.record, documents[old.record.id])
            pairs.append(merge_frame(prepared, old.record, frame, self.request))
        return pairs

    def _decode_document(self, row: FrameRow, entry: Entry | None) -> Frame | None:
        """The stored frame of a row; None if the doctor has noted its loss."""
        if row.document_digest == LOST_DIGEST:
            return None
        content = decode(FrameDocument, entry).frame if entry else b""
        if document_digest(content, row.group, row.slice) != row.document_digest:
            raise self._loss(row, "its document")
        return Frame.from_bytes(content)

    async def _merge_vectors(
        self, space: DatasetFrames, index: int, frame: Frame, old: FrameRow, merged: MergedFrame
    ) -> MergedFrame:
        """The frame with its embeddings; stored ones are read if some of several change."""
        prepared = self.frames[index]
        kept = kept_vectors(prepared, old, frame, replace=self.request.replace)
        if not prepared.row.vectors and len(kept) == len(old.vectors):
            return merged
        vectors: NDArray[np.float32] = np.empty((0, space.dimension), np.float32)
        if kept:
            vectors = await points.read(
                self.stores, self.name, space, [structs.replace(old, vectors=kept)]
            )
            if not vectors.any(axis=1).all():
                raise self._loss(old, "an embedding")
        label_ids = [vector.label_id for vector in kept]
        return merge_vectors(prepared, merged, label_ids, vectors)

    def _loss(self, row: FrameRow, part: str) -> DataLoss:
        frame = DatasetFrameName(self.name.project, self.name.dataset, row.id)
        return DataLoss(
            f"{frame} has lost {part}; run `sluice doctor {self.name.project} --repair`, then "
            "append the whole frame with replace"
        )
