"""Groups, compared with the frames that they list."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from services.curation.doctor.frames import RowSummary, frame_subject
from services.curation.records import FrameRow, Group, frame_key, group_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import Entry
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.names import DatasetName


async def examine(
    examination: Examination, name: DatasetName, summary: RowSummary
) -> ExaminationEvents:
    """Look for groups that list frames of other groups; rows were summarised before.

    A frame is added and deleted together with its place in a group, in one transaction.
    """
    seen = 0
    async for page in scan_pages(
        examination.ledger, examination.project, group_prefix(name.dataset)
    ):
        seen += len(page)
        yield ExaminationProgress("groups", seen)
        groups = {entry.key: decode(Group, entry) for entry in page}
        rows_by_id = await _read_rows(examination, name, list(groups.values()))
        for entry in await _keep_unchanged(examination, page):
            group = groups[entry.key]
            for frame_id in group.frames:
                if frame_id in summary.missing:
                    continue
                row = rows_by_id.get(frame_id)
                if row is None:
                    summary.missing.add(frame_id)
                    kind, actual = FindingKind.FRAME_RECORDS, f"none, and in group {group.id!r}"
                    subject = frame_subject(name, frame_id)
                    yield Finding(kind, subject, "its row", actual).mark_lost()
            for finding in await _remove_strangers(examination, name, entry, rows_by_id):
                yield finding


async def _keep_unchanged(examination: Examination, page: Sequence[Entry]) -> list[Entry]:
    """The groups that did not change while rows were read: frames of others may be deleted."""
    entries = await examination.ledger.get(examination.project, [entry.key for entry in page])
    return [e for e in page if (now := entries.get(e.key)) and now.revision == e.revision]


async def _read_rows(
    examination: Examination, name: DatasetName, groups: Sequence[Group]
) -> dict[str, FrameRow]:
    """The rows of all frames that groups list, by id."""
    keys = [frame_key(name.dataset, frame_id) for group in groups for frame_id in group.frames]
    entries = await examination.ledger.get(examination.project, keys) if keys else {}
    rows = [decode(FrameRow, entry) for entry in entries.values()]
    return {row.id: row for row in rows}


async def _remove_strangers(
    examination: Examination, name: DatasetName, entry: Entry, rows: dict[str, FrameRow]
) -> list[Finding]:
    """Remove frames from a group whose row names another group or slice."""
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
    changed = structs.replace(
        group, frames=tuple(f for f, _ in kept), slices=tuple(s for _, s in kept)
    )
    repaired = await examination.commit_repair(
        {entry.key: entry.revision}, {entry.key: encode(changed)}
    )
    return [
        Finding(
            FindingKind.FRAME_GROUP,
            frame_subject(name, frame_id),
            f"slice {rows[frame_id].slice!r} of group {rows[frame_id].group!r} alone",
            f"listed in group {group.id!r}",
        ).mark_repaired(repaired)
        for frame_id in strangers
    ]
