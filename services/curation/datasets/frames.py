"""Reading the frames of a dataset: by id, in pages and as a stream, in append order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
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
from services.ledger.interface import Entry, Ledger
from services.records.pages import Page
from services.records.records import decode
from services.records.stores import Stores
from sluice.errors import Aborted, DataLoss, NotFound
from sluice.frames import Frame
from sluice.names import DatasetFrameName, DatasetName
from sluice.tensors import Embeddings

SCANNED_MAX: Final = 4_096
"""Frames examined for one page: those that pass a narrow filter may be far apart."""

PAGE_BYTES_MAX: Final = 2 * 2**20
"""Maximum size of a page of documents; gRPC clients accept messages of 4 MiB."""

CHUNK: Final = 256
"""Frames read at a time; with documents of 64 KiB, 16 MiB."""


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """A frame without its document."""

    row: FrameRow
    group: Group


@dataclass(frozen=True, slots=True)
class DatasetFrame:
    """A frame with its document, its row and its group."""

    row: FrameRow
    group: Group
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class FramePage:
    """Frames, and the unit vectors of those that have any; None if none has."""

    frames: Sequence[DatasetFrame]
    embeddings: Embeddings | None


async def read_summaries(
    ledger: Ledger, name: DatasetName, frame_ids: Sequence[str]
) -> dict[str, FrameSummary]:
    """The summaries of frames by id, in the order given; missing frames are left out.

    So are frames that are deleted meanwhile, with their groups.
    """
    keys = [frame_key(name.dataset, frame_id) for frame_id in frame_ids]
    entries = await ledger.get(name.project, keys)
    rows = [decode(FrameRow, entries[key]) for key in keys if key in entries]
    group_ids = {group_key(name.dataset, row.group): row.group for row in rows}
    group_entries = await ledger.get(name.project, list(group_ids))
    groups = {group_ids[key]: decode(Group, entry) for key, entry in group_entries.items()}
    return {row.id: FrameSummary(row, group) for row in rows if (group := groups.get(row.group))}


async def read_frames(
    ledger: Ledger, name: DatasetName, summaries: Sequence[FrameSummary]
) -> list[DatasetFrame]:
    """The same frames with their documents; a frame without one is left out."""
    keys = [document_key(name.dataset, summary.row.id) for summary in summaries]
    entries = await ledger.get(name.project, keys)
    return [
        DatasetFrame(row=summary.row, group=summary.group, frame=_frame(entry))
        for summary, key in zip(summaries, keys, strict=True)
        if (entry := entries.get(key))
    ]


def _frame(document: Entry) -> Frame:
    return Frame.from_bytes(decode(FrameDocument, document).frame)


async def get_frame(curation: Curation, name: DatasetFrameName) -> DatasetFrame:
    """One frame; NotFound naming it if there is none."""
    dataset = DatasetName(name.project, name.dataset)
    return (await get_frames(curation.stores, dataset, [name.frame]))[0]


async def get_frames(
    stores: Stores, name: DatasetName, frame_ids: Sequence[str]
) -> list[DatasetFrame]:
    """Frames by id, in the order given; NotFound naming the first missing one."""
    summaries = await read_summaries(stores.ledger, name, frame_ids)
    check_frames_exist(name, frame_ids, summaries)
    return await read_frames(stores.ledger, name, [summaries[frame_id] for frame_id in frame_ids])


def check_frames_exist(
    name: DatasetName, frame_ids: Sequence[str], summaries: dict[str, FrameSummary]
) -> None:
    """Raise NotFound naming the first frame without a summary."""
    for frame_id in frame_ids:
        if frame_id not in summaries:
            missing = DatasetFrameName(name.project, name.dataset, frame_id)
            raise NotFound(
                f"frame {frame_id!r} is not one of {name}", metadata={"name": str(missing)}
            )


async def list_frames(
    curation: Curation, name: DatasetName, frame_filter: Filter, page: Page
) -> tuple[list[DatasetFrame], str]:
    """A page of the frames that pass, and the token of the next page, "" on the last one.

    A page is shorter than its size when few of many frames pass, or frames are large.
    """
    await curation.others.datasets.get(name)
    after, scanned, size = page.after, 0, 0
    frames: list[DatasetFrame] = []
    ledger = curation.stores.ledger
    while scanned < SCANNED_MAX:
        count = CHUNK if frame_filter != EVERYTHING else min(page.size + 1 - len(frames), CHUNK)
        numbers = await ledger.scan(
            name.project, number_prefix(name.dataset), after=after, limit=count
        )
        ids = {decode(FrameReference, entry).frame_id: entry.key for entry in numbers}
        for frame in await _read_passing(ledger, name, list(ids), frame_filter):
            size += len(frame.frame.to_bytes())
            if frames and (size > PAGE_BYTES_MAX or len(frames) == page.size):
                return frames, page.token(after)
            frames.append(frame)
            after = ids[frame.row.id]
        if len(numbers) < count:
            return frames, ""
        after, scanned = numbers[-1].key, scanned + len(numbers)
    return frames, page.token(after)


async def _read_passing(
    ledger: Ledger, name: DatasetName, frame_ids: Sequence[str], frame_filter: Filter
) -> list[DatasetFrame]:
    summaries = await read_summaries(ledger, name, frame_ids)
    return await read_frames(ledger, name, _filtered(summaries.values(), frame_filter))


def _filtered(summaries: Iterable[FrameSummary], frame_filter: Filter) -> list[FrameSummary]:
    return [frame for frame in summaries if frame_filter.passes(frame.row, frame.group)]


async def scan_summaries(
    ledger: Ledger, name: DatasetName, *, after: str = "", size: int = CHUNK
) -> AsyncIterator[list[FrameSummary]]:
    """The summaries of all frames behind the key `after`, page by page in append order."""
    prefix = number_prefix(name.dataset)
    while page := await ledger.scan(name.project, prefix, after=after, limit=size):
        ids = [decode(FrameReference, entry).frame_id for entry in page]
        summaries = await read_summaries(ledger, name, ids)
        # A frame that is deleted meanwhile is left out.
        yield [summaries[frame_id] for frame_id in ids if frame_id in summaries]
        after = page[-1].key


async def stream_frames(
    curation: Curation, name: DatasetName, frame_filter: Filter, *, with_embeddings: bool
) -> AsyncIterator[FramePage]:
    """All frames that pass, page by page, on demand with their unit vectors."""
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger
    space = (await read_dataset_frames(curation.stores, name)).record
    size = stream_size(space) if with_embeddings else CHUNK
    async for page in scan_summaries(ledger, name, size=size):
        if not (passing := _filtered(page, frame_filter)):
            continue
        for frames in _split_by_size(await read_frames(ledger, name, passing)):
            embeddings = None
            if with_embeddings:
                # Frames without embeddings come last: the others must be numbered without a gap.
                frames.sort(key=lambda frame: (not frame.row.vectors, frame.row.number))
                embeddings = await embeddings_of(curation.stores, name, frames)
            yield FramePage(frames, embeddings)


def _split_by_size(frames: Sequence[DatasetFrame]) -> Iterator[list[DatasetFrame]]:
    """The same frames, in parts of documents that fit into a message."""
    part: list[DatasetFrame] = []
    size = 0
    for frame in frames:
        size += len(frame.frame.to_bytes())
        if part and size > PAGE_BYTES_MAX:
            yield part
            part, size = [], len(frame.frame.to_bytes())
        part.append(frame)
    if part:
        yield part


def stream_size(space: DatasetFrames) -> int:
    """The number of frames with vectors that surely fit into a message."""
    floats_max = 2**19  # 2 MiB, beside 2 MiB of documents
    rows = max(1, floats_max // max(space.dimension, 1))
    return max(1, min(CHUNK, rows // max(space.rows_per_frame_max, 1)))


async def embeddings_of(
    stores: Stores, name: DatasetName, frames: Sequence[DatasetFrame]
) -> Embeddings | None:
    """The embeddings of frames, None if no frame has any.

    Frames without embeddings must come last. Raises DataLoss naming a frame with a lost vector.
    """
    rows = [frame.row for frame in frames if frame.row.vectors]
    if not rows:
        return None
    space = (await read_dataset_frames(stores, name)).record
    vectors = await points.read(stores, name, space, rows)
    if not vectors.any(axis=1).all():
        # A frame may have been re-embedded since its row was read: read the rows again.
        summaries = await read_summaries(stores.ledger, name, [row.id for row in rows])
        if deleted := [row.id for row in rows if row.id not in summaries]:
            raise Aborted(f"frame {deleted[0]!r} of {name} was deleted meanwhile; read again")
        rows = [summaries[row.id].row for row in rows]
        vectors = await points.read(stores, name, space, rows)
        check_vectors_present(name, rows, vectors)
    counts = [len(row.vectors) for row in rows]
    label_ids = [vector.label_id for row in rows for vector in row.vectors]
    return Embeddings(space.model_id, vectors, np.repeat(np.arange(len(rows)), counts), label_ids)


def check_vectors_present(
    name: DatasetName, rows: Sequence[FrameRow], vectors: NDArray[np.float32]
) -> None:
    """Raise DataLoss naming the first frame with a vector missing from the store."""
    owners = [row.id for row in rows for _ in row.vectors]
    lost = np.flatnonzero(~vectors.any(axis=1))
    if lost.size:
        frame_id = owners[int(lost[0])]
        raise DataLoss(
            f"frame {frame_id!r} of {name}: its embedding is lost; restore the vector store from "
            "a backup",
            metadata={"frame_id": frame_id},
        )
