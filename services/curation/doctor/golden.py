"""Golden sets and recorded rounds: their files, and the newest check of a golden set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from services.curation.golden.annotations import Annotations
from services.curation.golden.records import (
    GoldenSet,
    NewestCheck,
    RoundCheck,
    check_name,
    checks_prefix,
    golden_set_key,
    golden_sets_prefix,
    newest_key,
)
from services.curation.golden.round_check import check_round
from services.curation.progress.records import RecordedRound, rounds_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT
from services.records.documents import find_record
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.errors import DataLoss, NotFound
from sluice.names import DatasetName, GoldenSetName


async def examine(examination: Examination, name: DatasetName) -> ExaminationEvents:
    """Examine every golden set and every recorded round of a dataset."""
    ledger, project = examination.ledger, examination.project
    seen = 0
    async for page in scan_pages(ledger, project, golden_sets_prefix(name)):
        for entry in page:
            seen += 1
            yield ExaminationProgress("golden sets", seen)
            golden_set = decode(GoldenSet, entry)
            full_name = GoldenSetName(name.project, name.dataset, golden_set.id)
            for finding in await _examine_set(examination, full_name, golden_set):
                yield finding
    async for page in scan_pages(ledger, project, rounds_prefix(name)):
        for entry in page:
            record = decode(RecordedRound, entry)
            if await _read(examination, record.samples) is None:
                yield _damaged_file(
                    f"recorded round {record.round} of {name}", record.samples
                ).mark_lost()


async def _examine_set(
    examination: Examination, name: GoldenSetName, golden_set: GoldenSet
) -> list[Finding]:
    ledger, project = examination.ledger, examination.project
    findings = []
    stored = await find_record(ledger, project, newest_key(name), NewestCheck)
    if await _read(examination, golden_set.annotations) is None:
        findings.append(_damaged_file(f"the images of {name}", golden_set.annotations).mark_lost())
    checks: list[RoundCheck] = []
    async for page in scan_pages(ledger, project, checks_prefix(name)):
        page_checks = [decode(RoundCheck, entry) for entry in page]
        checks += page_checks
        for check in page_checks:
            findings += await _examine_check(examination, name, golden_set, check)
    newest = stored.record if stored else None
    if finding := await _examine_newest(examination, name, checks, newest):
        findings.append(finding)
    is_there = await find_record(ledger, project, golden_set_key(name), GoldenSet)
    return findings if is_there else []  # deleted meanwhile


async def _examine_check(
    examination: Examination, name: GoldenSetName, golden_set: GoldenSet, check: RoundCheck
) -> list[Finding]:
    """The damaged files of a check; its details are computed again where that gives the same."""
    findings, subject = [], str(check_name(name, check.key))
    if await _read(examination, check.annotations) is None:
        findings.append(_damaged_file(f"the images of {subject}", check.annotations).mark_lost())
    if await _read(examination, check.check) is None:
        content = await _compute_details(examination, golden_set, check)
        if content is not None and examination.repair:
            await examination.stores.blobs.put(content)
        damaged = _damaged_file(subject, check.check)
        findings.append(
            damaged.mark_lost() if content is None else damaged.mark_repaired(examination.repair)
        )
    return findings


async def _compute_details(
    examination: Examination, golden_set: GoldenSet, check: RoundCheck
) -> bytes | None:
    """The details of a check from the images of both rounds; None if they have another digest."""
    reference = await _read(examination, check.reference)
    annotations = await _read(examination, check.annotations)
    if reference is None or annotations is None:
        return None
    details = await asyncio.to_thread(
        check_round,
        Annotations.from_bytes(reference),
        Annotations.from_bytes(annotations),
        golden_set.classes,
        limits=golden_set.limits,
    )
    content = msgspec.msgpack.encode(details)
    return content if sha256(content).hexdigest() == check.check else None


async def _examine_newest(
    examination: Examination,
    name: GoldenSetName,
    checks: Sequence[RoundCheck],
    newest: NewestCheck | None,
) -> Finding | None:
    """Compare the newest check, which was read before the checks, with the checks.

    A check is named as the newest in the transaction that adds it, and only deleted with its golden
    set. One that decides is never replaced by one that does not; before it was so, failures were
    hidden.
    """
    kind, ledger_key = FindingKind.GOLDEN_NEWEST, newest_key(name)
    check_by_name = {check_name(name, check.key).check: check for check in checks}
    if newest is not None and newest.check not in check_by_name:
        return Finding(kind, str(name), f"check {newest.check}", "no such check").mark_lost()
    deciding = [check for check in checks if check.decides]
    if newest is not None and (check_by_name[newest.check].decides or not deciding):
        return None
    current = await find_record(examination.ledger, examination.project, ledger_key, NewestCheck)
    golden_set = await find_record(
        examination.ledger, examination.project, golden_set_key(name), GoldenSet
    )
    if not checks or golden_set is None or (current.record if current else None) != newest:
        return None
    # The order of additions is lost, but creation times are right within seconds.
    last = check_name(name, max(deciding or checks, key=lambda check: check.created_us).key).check
    puts = {ledger_key: encode(NewestCheck(check=last))}
    # The golden set may be deleted at this moment.
    revisions = {
        ledger_key: current.revision if current else ABSENT,
        golden_set_key(name): golden_set.revision,
    }
    repaired = await examination.commit_repair(revisions, puts)
    stored_check = f"check {newest.check}, which is insufficient" if newest else "none"
    return Finding(kind, str(name), f"check {last}", stored_check).mark_repaired(repaired)


async def _read(examination: Examination, digest: str) -> bytes | None:
    """A file; None if it is missing or damaged. Files are written before records name them."""
    try:
        return await examination.stores.blobs.get(digest)
    except (NotFound, DataLoss):
        return None


def _damaged_file(subject: str, digest: str) -> Finding:
    kind = FindingKind.BLOB_DAMAGED
    return Finding(kind, f"{subject}, blob {digest}", "its content", "missing or damaged")
