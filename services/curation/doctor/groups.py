"""Groups against the frames that they list."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from services.curation.doctor.frames import Rows, subject_of
from services.curation.records import FrameRow, Group, frame_key, group_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import Entry
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.names import DatasetName


async def examine(this: Examination, name: DatasetName, rows: Rows) -> ExaminationEvents:
    """Look for frames that a group lists and that are not its; `rows` as they were read before.

    A frame comes with its place in a group in one transaction, and leaves it never.
    """
    seen = 0
    async for page in scan_pages(this.ledger, this.project, group_prefix(name.dataset)):
        seen += len(page)
        yield ExaminationProgress("groups", seen)
        groups = {entry.key: decode(Group, entry) for entry in page}
        listed = await _rows(this, name, list(groups.values()))
        for entry in page:
            group = groups[entry.key]
            for frame_id in group.frames:
                if frame_id in rows.missing:
                    continue
                row = listed.get(frame_id)
                if row is None:
                    rows.missing.add(frame_id)
                    kind, found = FindingKind.FRAME_RECORDS, f"none, and in group {group.id!r}"
                    yield Finding(kind, subject_of(name, frame_id), "its row", found).mark_lost()
            for finding in await _strangers(this, name, entry, listed):
                yield finding


async def _rows(
    this: Examination, name: DatasetName, groups: Sequence[Group]
) -> dict[str, FrameRow]:
    """The rows of all frames that groups list, by id."""
    keys = [frame_key(name.dataset, frame_id) for group in groups for frame_id in group.frames]
    entries = await this.ledger.get(this.project, keys) if keys else {}
    rows = [decode(FrameRow, entry) for entry in entries.values()]
    return {row.id: row for row in rows}


async def _strangers(
    this: Examination, name: DatasetName, entry: Entry, rows: dict[str, FrameRow]
) -> list[Finding]:
    """The frames that a group lists and that say they are of another, or another slice of it."""
    group = decode(Group, entry)
    slices = zip(group.frames, group.slices, strict=True)
    kept = [
        (frame_id, slice_)
        for frame_id, slice_ in slices
        if (row := rows.get(frame_id)) is None or (row.group, row.slice) == (group.id, slice_)
    ]
    strangers = [f for f in group.frames if f not in {frame_id for frame_id, _ in kept}]
    if not strangers:
        return []
    mended = structs.replace(
        group, frames=tuple(f for f, _ in kept), slices=tuple(s for _, s in kept)
    )
    done = await this.commit_repair({entry.key: entry.revision}, {entry.key: encode(mended)})
    return [
        Finding(
            FindingKind.FRAME_GROUP,
            subject_of(name, frame_id),
            f"slice {rows[frame_id].slice!r} of group {rows[frame_id].group!r} alone",
            f"listed in group {group.id!r}",
        ).mark_repaired(done)
        for frame_id in strangers
    ]
