"""Reading the frames of a dataset: by id, in pages, in the order in which they were appended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import EVERYTHING, Filter
from services.curation.records import (
    DatasetFrames,
    FrameDocument,
    FrameReference,
    FrameRow,
    Group,
    document_key,
    frame_key,
    group_key,
    number_prefix,
)
from services.ledger.interface import Ledger
from services.records.pages import Page
from services.records.records import decode
from services.records.stores import Stores
from sluice.errors import DataLoss, NotFound
from sluice.frames import Frame
from sluice.names import DatasetFrameName, DatasetName
from sluice.tensors import Embeddings

SCANNED_MAX: Final = 4_096
"""Frames that are looked at for one page: what passes a narrow filter may be far apart."""

PAGE_BYTES_MAX: Final = 2 * 2**20
"""Where a page of frames ends at the latest; gRPC clients take messages of 4 MiB."""

CHUNK: Final = 256
"""Frames read at a time; with documents of 64 KiB at most, that is 16 MiB."""


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """A frame without its document."""

    row: FrameRow
    group: Group


@dataclass(frozen=True, slots=True)
class DatasetFrame:
    """A frame of a dataset, as it is now."""

    row: FrameRow
    group: Group
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class FramePage:
    """Frames, and the unit vectors of those that have any; None where none has."""

    frames: Sequence[DatasetFrame]
    embeddings: Embeddings | None


async def read_summaries(
    ledger: Ledger, name: DatasetName, frame_ids: Sequence[str]
) -> dict[str, FrameSummary]:
    """Those of the frames that the dataset has, without documents, in that order."""
    keys = [frame_key(name.dataset, frame_id) for frame_id in frame_ids]
    entries = await ledger.get(name.project, keys)
    rows = [decode(FrameRow, entries[key]) for key in keys if key in entries]
    groups = {group_key(name.dataset, row.group): row.group for row in rows}
    found = await ledger.get(name.project, list(groups))
    group_of = {groups[key]: decode(Group, entry) for key, entry in found.items()}
    return {row.id: FrameSummary(row, group_of[row.group]) for row in rows}


async def read_frames(
    ledger: Ledger, name: DatasetName, known: Sequence[FrameSummary]
) -> list[DatasetFrame]:
    """The same frames with their documents."""
    keys = [document_key(name.dataset, each.row.id) for each in known]
    entries = await ledger.get(name.project, keys)
    return [
        DatasetFrame(each.row, each.group, Frame.from_bytes(decode(FrameDocument, entry).frame))
        for each, key in zip(known, keys, strict=True)
        if (entry := entries.get(key))
    ]


async def get_frame(curation: Curation, name: DatasetFrameName) -> DatasetFrame:
    """One frame; NotFound naming it if there is none."""
    dataset = DatasetName(name.project, name.dataset)
    return (await get_frames(curation.stores, dataset, [name.frame]))[0]


async def get_frames(
    stores: Stores, name: DatasetName, frame_ids: Sequence[str]
) -> list[DatasetFrame]:
    """These frames, in that order; NotFound naming the first that the dataset has not."""
    known = await read_summaries(stores.ledger, name, frame_ids)
    check_frames_exist(name, frame_ids, known)
    return await read_frames(stores.ledger, name, [known[frame_id] for frame_id in frame_ids])


def check_frames_exist(
    name: DatasetName, frame_ids: Sequence[str], known: dict[str, FrameSummary]
) -> None:
    """Raise NotFound naming the first frame that is not known."""
    for frame_id in frame_ids:
        if frame_id not in known:
            raise NotFound(f"frame {frame_id!r} is not one of {name}")


async def list_frames(
    curation: Curation, name: DatasetName, wanted: Filter, page: Page
) -> tuple[list[DatasetFrame], str]:
    """A page of the frames that pass, and where the next one starts, "" on the last one.

    A page has fewer than were asked for when few of many frames pass, or they are large.
    """
    await curation.others.datasets.get(name)
    after, scanned, size = page.after, 0, 0
    chosen: list[DatasetFrame] = []
    ledger = curation.stores.ledger
    while scanned < SCANNED_MAX:
        count = CHUNK if wanted != EVERYTHING else min(page.size + 1 - len(chosen), CHUNK)
        numbers = await ledger.scan(
            name.project, number_prefix(name.dataset), after=after, limit=count
        )
        ids = {decode(FrameReference, entry).frame_id: entry.key for entry in numbers}
        for found in await _passing(ledger, name, list(ids), wanted):
            # What comes after this frame is for the next page, as soon as this one is full.
            size += found.row_size
            if chosen and (size > PAGE_BYTES_MAX or len(chosen) == page.size):
                return chosen, page.token(after)
            chosen.append(found.frame)
            after = ids[found.frame.row.id]
        if len(numbers) < count:
            return chosen, ""
        after, scanned = numbers[-1].key, scanned + len(numbers)
    return chosen, page.token(after)


@dataclass(frozen=True, slots=True)
class _Sized:
    """A frame and how many bytes its document has."""

    frame: DatasetFrame
    row_size: int


async def _passing(
    ledger: Ledger, name: DatasetName, frame_ids: Sequence[str], wanted: Filter
) -> list[_Sized]:
    known = await read_summaries(ledger, name, frame_ids)
    passing = [each for each in known.values() if wanted.passes(each.row, each.group)]
    found = await read_frames(ledger, name, passing)
    return [_Sized(each, len(each.frame.to_bytes())) for each in found]


async def scan_summaries(
    ledger: Ledger, name: DatasetName, *, after: str = "", size: int = CHUNK
) -> AsyncIterator[list[FrameSummary]]:
    """All frames from a position on, without documents, page by page in their order."""
    below = number_prefix(name.dataset)
    while page := await ledger.scan(name.project, below, after=after, limit=size):
        ids = [decode(FrameReference, entry).frame_id for entry in page]
        known = await read_summaries(ledger, name, ids)
        yield [known[frame_id] for frame_id in ids]
        after = page[-1].key


async def stream_frames(
    curation: Curation, name: DatasetName, wanted: Filter, *, with_embeddings: bool
) -> AsyncIterator[FramePage]:
    """All frames that pass, page by page; with their unit vectors if wanted."""
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger
    space = (await read_dataset_frames(curation.stores, name)).record
    size = stream_size(space) if with_embeddings else CHUNK
    async for page in scan_summaries(ledger, name, size=size):
        passing = [each for each in page if wanted.passes(each.row, each.group)]
        if not passing:
            continue
        for frames in _cut(await read_frames(ledger, name, passing)):
            embeddings = None
            if with_embeddings:
                # Those without come last, so that the others are numbered without a gap.
                frames.sort(key=lambda each: (not each.row.vectors, each.row.number))
                embeddings = await embeddings_of(curation.stores, name, frames)
            yield FramePage(frames, embeddings)


def _cut(frames: Sequence[DatasetFrame]) -> Iterator[list[DatasetFrame]]:
    """The same frames, in parts whose documents fit into a message."""
    part: list[DatasetFrame] = []
    size = 0
    for each in frames:
        size += len(each.frame.to_bytes())
        if part and size > PAGE_BYTES_MAX:
            yield part
            part, size = [], len(each.frame.to_bytes())
        part.append(each)
    if part:
        yield part


def stream_size(space: DatasetFrames) -> int:
    """So many frames that their vectors fit into a message, however many each has."""
    floats = 2**19  # 2 MiB, beside as much of documents
    rows = max(1, floats // max(space.dimension, 1))
    return max(1, min(CHUNK, rows // max(space.rows_per_frame_max, 1)))


async def embeddings_of(
    stores: Stores, name: DatasetName, frames: Sequence[DatasetFrame]
) -> Embeddings | None:
    """The embeddings of frames, of which those without any come last; None where none has."""
    rows = [each.row for each in frames if each.row.vectors]
    if not rows:
        return None
    space = (await read_dataset_frames(stores, name)).record
    vectors = await points.read(stores, name, space, rows)
    if not vectors.any(axis=1).all():
        # One may have got another embedding since its row was read, and that is written by now.
        known = await read_summaries(stores.ledger, name, [row.id for row in rows])
        rows = [known[row.id].row for row in rows]
        vectors = await points.read(stores, name, space, rows)
        check_vectors_present(name, rows, vectors)
    counts = [len(row.vectors) for row in rows]
    label_ids = [vector.label_id for row in rows for vector in row.vectors]
    return Embeddings(space.model_id, vectors, np.repeat(np.arange(len(rows)), counts), label_ids)


def check_vectors_present(
    name: DatasetName, rows: Sequence[FrameRow], vectors: NDArray[np.float32]
) -> None:
    """Raise DataLoss naming the first frame with a vector that the store has not."""
    owners = [row.id for row in rows for _ in row.vectors]
    lost = np.flatnonzero(~vectors.any(axis=1))
    if lost.size:
        frame_id = owners[int(lost[0])]
        raise DataLoss(
            f"frame {frame_id!r} of {name}: its embedding is lost; restore the vector store from "
            "a backup",
            metadata={"frame_id": frame_id},
        )
