"""The rows of frames against what was stored with them: document, number, label ids, group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import structs

from services.curation.datasets.append import SLICES_MAX
from services.curation.datasets.new_frames import document_digest
from services.curation.doctor.reading import ATTEMPTS, LOST_DIGEST, describe_recovery
from services.curation.records import (
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
class Rows:
    """What the rows of a dataset say: their highest number, the most embeddings that one has.

    `missing` are frames that something names and that have no row, `misnumbered` the keys of
    numbers that are of another frame than they name.
    """

    last: int = 0
    vectors_max: int = 0
    missing: set[str] = field(default_factory=set)
    misnumbered: set[str] = field(default_factory=set)

    def add(self, row: FrameRow) -> None:
        """Take a row in."""
        self.last = max(self.last, row.number)
        self.vectors_max = max(self.vectors_max, len(row.vectors))


async def examine(this: Examination, name: DatasetName, rows: Rows) -> ExaminationEvents:
    """Examine every frame of a dataset, and take its rows in.

    All that goes with a row comes with it in one transaction and stays: it is read after it.
    """
    seen = 0
    async for page in scan_pages(this.ledger, this.project, frame_prefix(name.dataset)):
        seen += len(page)
        yield ExaminationProgress("frames", seen)
        found = [decode(FrameRow, entry) for entry in page]
        for row in found:
            rows.add(row)
        for look in (_documents, _groups):
            for finding in await look(this, name, found):
                yield finding
        for finding in await _numbers(this, name, found, rows):
            yield finding
    async for page in scan_pages(this.ledger, this.project, number_prefix(name.dataset)):
        for finding in await _of_no_frame(this, name, page, rows):
            yield finding


def subject_of(name: DatasetName, frame_id: str) -> str:
    """How people know a frame."""
    return str(DatasetFrameName(name.project, name.dataset, frame_id))


async def _documents(
    this: Examination, name: DatasetName, rows: Sequence[FrameRow]
) -> list[Finding]:
    """What is wrong with the documents of frames, and with whose their label ids are."""
    keys = {document_key(name.dataset, row.id): row for row in rows}
    entries = await this.ledger.get(this.project, list(keys))
    there = [(row, entries.get(key)) for key, row in keys.items()]
    suspects, labels = await asyncio.to_thread(_read, there)
    lost = [each for row in suspects if (each := await _lost_document(this, name, row.id))]
    return lost + await _label_ids(this, name, labels)


def _read(
    documents: Sequence[tuple[FrameRow, Entry | None]],
) -> tuple[list[FrameRow], dict[str, str]]:
    """The frames without their own document, and the owner of each label id of all others."""
    suspects: list[FrameRow] = []
    labels: dict[str, str] = {}
    for row, entry in documents:
        if entry is None or not _has_document(row, entry):
            suspects.append(row)
            continue
        frame = Frame.from_bytes(decode(FrameDocument, entry).frame)
        labels |= {label.id: row.id for label in frame.labels}
    return suspects, labels


def _has_document(row: FrameRow, entry: Entry) -> bool:
    content = decode(FrameDocument, entry).frame
    return document_digest(content, row.group, row.slice) == row.document_digest


async def _lost_document(this: Examination, name: DatasetName, frame_id: str) -> Finding | None:
    """The finding of a frame whose document is lost, as row and document are at one moment.

    A repair notes it in the row, so that the document is stored when it is appended again.
    """
    where, document = frame_key(name.dataset, frame_id), document_key(name.dataset, frame_id)
    entries = await this.ledger.get(this.project, [where, document])
    if where not in entries:
        return None
    row = decode(FrameRow, entries[where])
    if document in entries and _has_document(row, entries[document]):
        return None
    if row.document_digest != LOST_DIGEST:
        marked = structs.replace(row, document_digest=LOST_DIGEST)
        await this.commit_repair({where: entries[where].revision}, {where: encode(marked)})
    found = "another" if document in entries else "none"
    found = f"{found}: {describe_recovery(this, row.document_digest)}"
    kind = FindingKind.FRAME_RECORDS
    return Finding(kind, subject_of(name, frame_id), "its document", found).mark_lost()


async def _label_ids(this: Examination, name: DatasetName, labels: dict[str, str]) -> list[Finding]:
    """What is wrong with the claims of label ids: once claimed, an id is a frame's for good."""
    keys = {label_key(name.dataset, label_id): label_id for label_id in labels}
    entries = await this.ledger.get(this.project, list(keys)) if keys else {}
    findings = []
    for where, label_id in keys.items():
        owner = labels[label_id]
        subject, expected = subject_of(name, owner), f"label id {label_id!r} for itself"
        kind, entry = FindingKind.FRAME_RECORDS, entries.get(where)
        if entry is None:
            done = await this.commit_repair(
                {where: ABSENT}, {where: encode(FrameReference(frame_id=owner))}
            )
            findings.append(Finding(kind, subject, expected, "not claimed").mark_repaired(done))
        elif (other := decode(FrameReference, entry).frame_id) != owner:
            found = f"claimed by frame {other!r}"
            findings.append(Finding(kind, subject, expected, found).mark_lost())
    return findings


async def _numbers(
    this: Examination, name: DatasetName, page: Sequence[FrameRow], rows: Rows
) -> list[Finding]:
    """The frames that are not found under their number, and so in no listing."""
    keys = {number_key(name.dataset, row.number): row for row in page}
    entries = await this.ledger.get(this.project, list(keys))
    findings = []
    for where, row in keys.items():
        entry = entries.get(where)
        listed = decode(FrameReference, entry).frame_id if entry else ""
        if listed == row.id:
            continue
        rows.misnumbered.add(where)
        checks = {where: entry.revision if entry else ABSENT}
        done = await this.commit_repair(checks, {where: encode(FrameReference(frame_id=row.id))})
        expected = f"listed under number {row.number}"
        found = f"frame {listed!r} listed there" if listed else "not listed"
        kind, subject = FindingKind.FRAME_RECORDS, subject_of(name, row.id)
        findings.append(Finding(kind, subject, expected, found).mark_repaired(done))
    return findings


async def _of_no_frame(
    this: Examination, name: DatasetName, page: Sequence[Entry], rows: Rows
) -> list[Finding]:
    """The numbers that name a frame which has no row, or another number."""
    named = {
        entry.key: decode(FrameReference, entry).frame_id
        for entry in page
        if entry.key not in rows.misnumbered
    }
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in named.values()}
    entries = await this.ledger.get(this.project, list(keys)) if keys else {}
    numbers = {keys[where]: decode(FrameRow, entry).number for where, entry in entries.items()}
    findings = []
    for where, frame_id in named.items():
        number = numbers.get(frame_id)
        if number is not None and number_key(name.dataset, number) == where:
            continue
        listed = f"listed under number {int(where.rpartition('/')[2])}"
        subject, kind = subject_of(name, frame_id), FindingKind.FRAME_RECORDS
        if number is None:
            rows.missing.add(frame_id)
            findings.append(Finding(kind, subject, "its row", f"none, and {listed}").mark_lost())
        else:
            findings.append(Finding(kind, subject, f"number {number} alone", listed).mark_lost())
    return findings


async def _groups(this: Examination, name: DatasetName, rows: Sequence[FrameRow]) -> list[Finding]:
    """The frames that their group does not list."""
    keys = {group_key(name.dataset, row.group): row.group for row in rows}
    entries = await this.ledger.get(this.project, list(keys))
    groups = {keys[where]: decode(Group, entry) for where, entry in entries.items()}
    return [
        await _join(this, name, row)
        for row in rows
        if (group := groups.get(row.group)) is None or not lists(group, row)
    ]


def lists(group: Group, row: FrameRow) -> bool:
    """Whether a group has a frame as the slice that it says it is."""
    return (row.id, row.slice) in zip(group.frames, group.slices, strict=True)


async def _join(this: Examination, name: DatasetName, row: FrameRow) -> Finding:
    """Put a frame into its group, made anew where it is gone: then it is unlabelled."""
    where = group_key(name.dataset, row.group)
    finding = Finding(
        FindingKind.FRAME_GROUP,
        subject_of(name, row.id),
        f"slice {row.slice!r} of group {row.group!r}",
        "not listed there",
    )
    for _ in range(ATTEMPTS if this.repair else 1):
        found = await find_record(this.ledger, this.project, where, Group)
        group = found.record if found else Group(id=row.group, frames=(), slices=())
        if lists(group, row):  # by another doctor, meanwhile
            return finding.mark_repaired(True)
        if row.slice in group.slices or len(group.frames) >= SLICES_MAX:
            return finding.mark_lost()
        joined = structs.replace(
            group, frames=(*group.frames, row.id), slices=(*group.slices, row.slice)
        )
        if await this.commit_repair(
            {where: found.revision if found else ABSENT}, {where: encode(joined)}
        ):
            return finding.mark_repaired(True)
    return finding
