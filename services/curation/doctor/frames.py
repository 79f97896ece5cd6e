"""The rows of frames, compared with the document, number, label ids and group of each frame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import structs

from services.curation.datasets.group_changes import SLICES_MAX
from services.curation.datasets.new_frames import document_digest
from services.curation.doctor.reading import ATTEMPTS, describe_recovery
from services.curation.records import (
    LOST_DIGEST,
    FrameDocument,
    FrameReference,
    FrameRow,
    Group,
    document_key,
    frame_key,
    frame_prefix,
    group_key,
    label_key,
    number_key,
    number_prefix,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT, Entry
from services.records.documents import find_record
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.frames import Frame
from sluice.names import DatasetFrameName, DatasetName


@dataclass(slots=True)
class RowSummary:
    """What the rows of a dataset imply for its other records; filled while rows are examined."""

    last: int = 0
    """The highest frame number."""
    vectors_max: int = 0
    """The most embeddings of one frame."""
    missing: set[str] = field(default_factory=set)
    """Frames that other records name and that have no row."""
    misnumbered: set[str] = field(default_factory=set)
    """Keys of numbers that name another frame than the one that has the number."""

    def add(self, row: FrameRow) -> None:
        """Add a row."""
        self.last = max(self.last, row.number)
        self.vectors_max = max(self.vectors_max, len(row.vectors))


async def examine(
    examination: Examination, name: DatasetName, summary: RowSummary
) -> ExaminationEvents:
    """Examine every frame of a dataset, and add its row to the summary.

    A row and its other records are written and deleted in one transaction: they are read after
    the row, and a difference counts if the row is still there.
    """
    ledger, project = examination.ledger, examination.project
    seen = 0
    async for page in scan_pages(ledger, project, frame_prefix(name.dataset)):
        seen += len(page)
        yield ExaminationProgress("frames", seen)
        rows = [decode(FrameRow, entry) for entry in page]
        for row in rows:
            summary.add(row)
        for check in (_check_documents, _check_groups):
            for finding in await check(examination, name, rows):
                yield finding
        for finding in await _check_row_numbers(examination, name, rows, summary):
            yield finding
    async for page in scan_pages(ledger, project, number_prefix(name.dataset)):
        for finding in await _check_number_entries(examination, name, page, summary):
            yield finding


def frame_subject(name: DatasetName, frame_id: str) -> str:
    """A frame's resource name, as findings name it."""
    return str(DatasetFrameName(name.project, name.dataset, frame_id))


async def _check_documents(
    examination: Examination, name: DatasetName, rows: Sequence[FrameRow]
) -> list[Finding]:
    """The frames with a missing or different document, or with label ids that are not theirs."""
    keys = {document_key(name.dataset, row.id): row for row in rows}
    entries = await examination.ledger.get(examination.project, list(keys))
    documents = [(row, entries.get(key)) for key, row in keys.items()]
    suspects, owners = await asyncio.to_thread(_read_documents, documents)
    findings = [await _check_document(examination, name, row.id) for row in suspects]
    lost = [finding for finding in findings if finding]
    return lost + await _check_label_ids(examination, name, owners)


def _read_documents(
    documents: Sequence[tuple[FrameRow, Entry | None]],
) -> tuple[list[FrameRow], dict[str, str]]:
    """The rows without their own document, and the owner of each label id of all others."""
    suspects: list[FrameRow] = []
    owners: dict[str, str] = {}
    for row, entry in documents:
        if entry is None or not _has_document(row, entry):
            suspects.append(row)
            continue
        frame = Frame.from_bytes(decode(FrameDocument, entry).frame)
        owners |= {label.id: row.id for label in frame.labels}
    return suspects, owners


def _has_document(row: FrameRow, entry: Entry) -> bool:
    content = decode(FrameDocument, entry).frame
    return document_digest(content, row.group, row.slice) == row.document_digest


async def _check_document(
    examination: Examination, name: DatasetName, frame_id: str
) -> Finding | None:
    """A finding if a frame has lost its document, by row and document read at one moment.

    A repair notes the loss in the row, so that the document is stored when it is appended again.
    """
    row_key, document = frame_key(name.dataset, frame_id), document_key(name.dataset, frame_id)
    entries = await examination.ledger.get(examination.project, [row_key, document])
    if row_key not in entries:
        return None
    row = decode(FrameRow, entries[row_key])
    if document in entries and _has_document(row, entries[document]):
        return None
    if row.document_digest != LOST_DIGEST:
        marked = structs.replace(row, document_digest=LOST_DIGEST)
        checks, puts = {row_key: entries[row_key].revision}, {row_key: encode(marked)}
        await examination.commit_repair(checks, puts)
    actual = "another" if document in entries else "none"
    actual = f"{actual}: {describe_recovery(examination, row.document_digest)}"
    kind = FindingKind.FRAME_RECORDS
    return Finding(kind, frame_subject(name, frame_id), "its document", actual).mark_lost()


async def _check_label_ids(
    examination: Examination, name: DatasetName, owners: dict[str, str]
) -> list[Finding]:
    """The label ids without an owner or with another one; an id never changes its owner."""
    keys = {label_key(name.dataset, label_id): label_id for label_id in owners}
    entries = await examination.ledger.get(examination.project, list(keys)) if keys else {}
    findings = []
    for ledger_key, label_id in keys.items():
        owner = owners[label_id]
        subject, expected = frame_subject(name, owner), f"owner of label id {label_id!r}"
        kind, entry = FindingKind.FRAME_RECORDS, entries.get(ledger_key)
        if entry is None:
            repaired = await examination.commit_repair(
                {ledger_key: ABSENT}, {ledger_key: encode(FrameReference(frame_id=owner))}
            )
            findings.append(Finding(kind, subject, expected, "no owner").mark_repaired(repaired))
        elif (other := decode(FrameReference, entry).frame_id) != owner:
            actual = f"owned by frame {other!r}"
            findings.append(Finding(kind, subject, expected, actual).mark_lost())
    return findings


async def _check_row_numbers(
    examination: Examination, name: DatasetName, rows: Sequence[FrameRow], summary: RowSummary
) -> list[Finding]:
    """The frames that their number does not name, so that listings lack them."""
    keys = {number_key(name.dataset, row.number): row for row in rows}
    entries = await examination.ledger.get(examination.project, list(keys))
    findings = []
    for ledger_key, row in keys.items():
        entry = entries.get(ledger_key)
        listed = decode(FrameReference, entry).frame_id if entry else ""
        if listed == row.id:
            continue
        row_key = frame_key(name.dataset, row.id)
        stored = await find_record(examination.ledger, examination.project, row_key, FrameRow)
        if stored is None:  # deleted meanwhile
            continue
        summary.misnumbered.add(ledger_key)
        checks = {ledger_key: entry.revision if entry else ABSENT, row_key: stored.revision}
        puts = {ledger_key: encode(FrameReference(frame_id=row.id))}
        repaired = await examination.commit_repair(checks, puts)
        expected = f"listed under number {row.number}"
        actual = f"frame {listed!r} listed there" if listed else "not listed"
        kind, subject = FindingKind.FRAME_RECORDS, frame_subject(name, row.id)
        findings.append(Finding(kind, subject, expected, actual).mark_repaired(repaired))
    return findings


async def _check_number_entries(
    examination: Examination, name: DatasetName, page: Sequence[Entry], summary: RowSummary
) -> list[Finding]:
    """The numbers that name a frame without a row, or with another number."""
    frame_ids = {
        entry.key: decode(FrameReference, entry).frame_id
        for entry in page
        if entry.key not in summary.misnumbered
    }
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in frame_ids.values()}
    entries = await examination.ledger.get(examination.project, list(keys)) if keys else {}
    numbers = {keys[row_key]: decode(FrameRow, row).number for row_key, row in entries.items()}
    findings = []
    for ledger_key, frame_id in frame_ids.items():
        number = numbers.get(frame_id)
        if number is not None and number_key(name.dataset, number) == ledger_key:
            continue
        listed = f"listed under number {int(ledger_key.rpartition('/')[2])}"
        subject, kind = frame_subject(name, frame_id), FindingKind.FRAME_RECORDS
        if number is None:
            if not await examination.ledger.get(examination.project, [ledger_key]):
                continue  # deleted meanwhile
            summary.missing.add(frame_id)
            findings.append(Finding(kind, subject, "its row", f"none, and {listed}").mark_lost())
        else:
            findings.append(Finding(kind, subject, f"number {number} alone", listed).mark_lost())
    return findings


async def _check_groups(
    examination: Examination, name: DatasetName, rows: Sequence[FrameRow]
) -> list[Finding]:
    """The frames that their group does not list."""
    keys = {group_key(name.dataset, row.group): row.group for row in rows}
    entries = await examination.ledger.get(examination.project, list(keys))
    groups = {keys[ledger_key]: decode(Group, entry) for ledger_key, entry in entries.items()}
    unlisted = [
        row for row in rows if (group := groups.get(row.group)) is None or not _lists(group, row)
    ]
    if not unlisted:
        return []
    rows_by_key = {frame_key(name.dataset, row.id): row for row in unlisted}
    remaining = await examination.ledger.get(examination.project, list(rows_by_key))
    return [await _add_to_group(examination, name, rows_by_key[key]) for key in remaining]


def _lists(group: Group, row: FrameRow) -> bool:
    """Whether a group lists a frame under the slice of its row."""
    return (row.id, row.slice) in zip(group.frames, group.slices, strict=True)


async def _add_to_group(examination: Examination, name: DatasetName, row: FrameRow) -> Finding:
    """Add a frame to its group; a missing group is created again, as unlabelled."""
    ledger_key = group_key(name.dataset, row.group)
    finding = Finding(
        FindingKind.FRAME_GROUP,
        frame_subject(name, row.id),
        f"slice {row.slice!r} of group {row.group!r}",
        "not listed there",
    )
    for _ in range(ATTEMPTS if examination.repair else 1):
        stored = await find_record(examination.ledger, examination.project, ledger_key, Group)
        group = stored.record if stored else Group(id=row.group, frames=(), slices=())
        if _lists(group, row):  # by another doctor, meanwhile
            return finding.mark_repaired(True)
        if row.slice in group.slices or len(group.frames) >= SLICES_MAX:
            return finding.mark_lost()
        changed = structs.replace(
            group, frames=(*group.frames, row.id), slices=(*group.slices, row.slice)
        )
        if await examination.commit_repair(
            {ledger_key: stored.revision if stored else ABSENT}, {ledger_key: encode(changed)}
        ):
            return finding.mark_repaired(True)
    return finding
