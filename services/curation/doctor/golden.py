"""Golden sets and recorded rounds: their files, and which check is the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from services.curation.golden.annotations import Annotations
from services.curation.golden.records import (
    GoldenSet,
    Newest,
    RoundCheck,
    check_name,
    checks_prefix,
    golden_sets_prefix,
    newest_key,
)
from services.curation.golden.verdict import check_round
from services.curation.progress.records import RecordedRound, rounds_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT
from services.records.documents import find_record
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.errors import DataLoss, NotFound
from sluice.names import DatasetName, GoldenSetName


async def examine(this: Examination, name: DatasetName) -> ExaminationEvents:
    """Examine every golden set and every recorded round of a dataset."""
    seen = 0
    async for page in scan_pages(this.ledger, this.project, golden_sets_prefix(name)):
        for entry in page:
            seen += 1
            yield ExaminationProgress("golden sets", seen)
            golden_set = decode(GoldenSet, entry)
            full_name = GoldenSetName(name.project, name.dataset, golden_set.id)
            for finding in await _examine_set(this, full_name, golden_set):
                yield finding
    async for page in scan_pages(this.ledger, this.project, rounds_prefix(name)):
        for entry in page:
            record = decode(RecordedRound, entry)
            if await _read(this, record.samples) is None:
                yield _damaged(
                    f"recorded round {record.round} of {name}", record.samples
                ).mark_lost()


async def _examine_set(
    this: Examination, name: GoldenSetName, golden_set: GoldenSet
) -> list[Finding]:
    findings = []
    before = await find_record(this.ledger, this.project, newest_key(name), Newest)
    if await _read(this, golden_set.annotations) is None:
        findings.append(_damaged(f"the images of {name}", golden_set.annotations).mark_lost())
    checks: list[RoundCheck] = []
    async for page in scan_pages(this.ledger, this.project, checks_prefix(name)):
        found = [decode(RoundCheck, entry) for entry in page]
        checks += found
        for check in found:
            findings += await _examine_check(this, name, golden_set, check)
    if finding := await _newest(this, name, checks, before.record if before else None):
        findings.append(finding)
    return findings


async def _examine_check(
    this: Examination, name: GoldenSetName, golden_set: GoldenSet, check: RoundCheck
) -> list[Finding]:
    """The files of a check that are damaged; its verdict is made anew if that gives the same."""
    findings, of = [], str(check_name(name, check.key))
    if await _read(this, check.annotations) is None:
        findings.append(_damaged(f"the images of {of}", check.annotations).mark_lost())
    if await _read(this, check.check) is None:
        again = await _made_again(this, golden_set, check)
        if again is not None and this.repair:
            await this.stores.blobs.put(again)
        damaged = _damaged(of, check.check)
        findings.append(
            damaged.mark_lost() if again is None else damaged.mark_repaired(this.repair)
        )
    return findings


async def _made_again(this: Examination, golden_set: GoldenSet, check: RoundCheck) -> bytes | None:
    """The content of a check's file, from the images of both rounds; None if it is another."""
    reference = await _read(this, check.reference)
    annotations = await _read(this, check.annotations)
    if reference is None or annotations is None:
        return None
    made = await asyncio.to_thread(
        check_round,
        Annotations.from_bytes(reference),
        Annotations.from_bytes(annotations),
        golden_set.classes,
        limits=golden_set.limits,
    )
    content = msgspec.msgpack.encode(made)
    return content if sha256(content).hexdigest() == check.check else None


async def _newest(
    this: Examination, name: GoldenSetName, checks: Sequence[RoundCheck], said: Newest | None
) -> Finding | None:
    """What is wrong with the check that was said to be the newest before the checks were read.

    One is named in the transaction that adds it, and none is ever deleted.
    """
    kind, names = FindingKind.GOLDEN_NEWEST, {check_name(name, each.key).check for each in checks}
    if said is not None:
        finding = Finding(kind, str(name), f"check {said.check}", "no such check")
        return finding.mark_lost() if said.check not in names else None
    where = newest_key(name)
    if not checks or await find_record(this.ledger, this.project, where, Newest):
        return None
    # Which was added last is nowhere any more, but the times tell it within seconds.
    last = check_name(name, max(checks, key=lambda each: each.created_us).key).check
    done = await this.commit_repair({where: ABSENT}, {where: encode(Newest(check=last))})
    return Finding(kind, str(name), f"check {last}", "none").mark_repaired(done)


async def _read(this: Examination, digest: str) -> bytes | None:
    """A file, None if it is missing or damaged; it was written before anything named it."""
    try:
        return await this.stores.blobs.get(digest)
    except (NotFound, DataLoss):
        return None


def _damaged(what: str, digest: str) -> Finding:
    kind = FindingKind.BLOB_DAMAGED
    return Finding(kind, f"{what}, blob {digest}", "its content", "missing or damaged")
