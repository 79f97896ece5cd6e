"""The checks of a golden set: added once for each round, and kept for good."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from msgspec import structs

from services.curation.golden.annotations import Annotations
from services.curation.golden.golden_sets import check_task, get_golden_set, read_reference
from services.curation.golden.history import HistoryEntry, HistoryKey, admit
from services.curation.golden.records import (
    CheckOverride,
    GoldenSet,
    NewestCheck,
    RoundCheck,
    check_key,
    check_name,
    checks_prefix,
    newest_key,
)
from services.curation.golden.verdict import CheckDetails, GoldenVerdict, check_round
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.blobs import read_blob
from services.records.documents import find_record, read_record, read_records, retry
from services.records.pages import Page
from services.records.records import encode, now_us
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.errors import AlreadyExists, DataLoss, FailedPrecondition
from sluice.names import GoldenCheckName, GoldenSetName

REASON_BYTES_MAX = 1_024


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check with all that it rests on, and whether it was added or was there."""

    record: RoundCheck
    check: CheckDetails
    added: bool


async def add_check(
    stores: Stores, name: GoldenSetName, key: HistoryKey, annotations: Annotations
) -> CheckResult:
    """Compare a round with a golden set, and add the check to its history.

    A round that is there already is not compared again. Raises InvalidArgument for a bad key and
    labels of another task, AlreadyExists where other annotations have the key.
    """
    key.check()
    golden_set = await get_golden_set(stores, name)
    check_task(annotations, golden_set.task_type)
    content = await asyncio.to_thread(annotations.to_bytes)
    digest = await asyncio.to_thread(annotations.digest)
    if found := await _find_same(stores, name, key, digest, golden_set):
        return found
    reference = await read_reference(stores, golden_set)
    check = await asyncio.to_thread(
        check_round, reference, annotations, golden_set.classes, limits=golden_set.limits
    )
    record = RoundCheck(
        key=key,
        annotations=await stores.blobs.put(content),
        reference=golden_set.annotations,
        check=await stores.blobs.put(msgspec.msgpack.encode(check)),
        verdict=check.verdict,
        reason=check.reason,
        summary=structs.replace(check.current, other_classes={}),
        missing=len(check.missing),
        created_us=now_us(),
    )
    try:
        await _bind(stores, name, record)
    except Conflict:
        found = await _find_same(stores, name, key, digest, golden_set)
        if found is None:
            raise
        return found
    return CheckResult(record, check, added=True)


async def get_check(stores: Stores, name: GoldenCheckName) -> tuple[RoundCheck, CheckDetails]:
    """A check and all that it rests on; NotFound naming it if there is none."""
    found = await read_record(stores.ledger, name.project, check_key(name), RoundCheck, name)
    return found.record, await _read_whole(stores, found.record)


async def list_checks(
    stores: Stores, name: GoldenSetName, page: Page
) -> tuple[list[RoundCheck], str]:
    """A page of the checks of a golden set, by round, and the next one's token."""
    await get_golden_set(stores, name)
    return await read_records(stores.ledger, name.project, checks_prefix(name), RoundCheck, page)


async def override_check(
    stores: Stores, name: GoldenCheckName, reason: str, decided_by: str, key_id: str
) -> tuple[RoundCheck, CheckDetails]:
    """Let work go on in spite of a failed check; the same decision again changes nothing.

    Raises FailedPrecondition where the check did not fail, AlreadyExists where it was overridden
    otherwise.
    """
    check_text("reason", reason, REASON_BYTES_MAX)
    check_text("decided_by", decided_by, empty=True)
    override = CheckOverride(
        reason=reason, decided_by=decided_by, key_id=key_id, created_us=now_us()
    )

    async def attempt() -> RoundCheck:
        where = check_key(name)
        before = await read_record(stores.ledger, name.project, where, RoundCheck, name)
        _check_overridable(name, before.record, override)
        if before.record.override is not None:
            return before.record
        now = structs.replace(before.record, override=override)
        change = Transaction(
            name.project, checks={where: before.revision}, puts={where: encode(now)}
        )
        await stores.ledger.commit(change)
        return now

    record = await retry(attempt, name)
    return record, await _read_whole(stores, record)


def _check_overridable(name: GoldenCheckName, record: RoundCheck, override: CheckOverride) -> None:
    if record.verdict is not GoldenVerdict.FAIL:
        problem = f"{name} did not fail, its verdict is {record.verdict}: it blocks nothing"
        raise FailedPrecondition(problem)
    if record.override is not None and not record.override.says_the_same(override):
        by = record.override.decided_by or f"API key {record.override.key_id}"
        raise AlreadyExists(f"{name} is overridden already, by {by}: {record.override.reason!r}")


async def _find_same(
    stores: Stores, name: GoldenSetName, key: HistoryKey, digest: bytes, golden_set: GoldenSet
) -> CheckResult | None:
    """The check that has the key, if there is one; AlreadyExists where it is of another content."""
    where = check_key(check_name(name, key))
    found = await find_record(stores.ledger, name.project, where, RoundCheck)
    if found is None:
        return None
    record = found.record
    check = await _read_whole(stores, record)
    known = _entry(key, record.annotations, record.reference, check)
    admit(known, _entry(key, digest.hex(), golden_set.annotations, check))
    return CheckResult(record, check, added=False)


def _entry(key: HistoryKey, annotations: str, reference: str, check: CheckDetails) -> HistoryEntry:
    return HistoryEntry(
        key=key,
        annotations=bytes.fromhex(annotations),
        reference=bytes.fromhex(reference),
        check=check,
    )


async def _read_whole(stores: Stores, record: RoundCheck) -> CheckDetails:
    content = await read_blob(stores.blobs, record.check)
    try:
        return msgspec.msgpack.decode(content, type=CheckDetails)
    except msgspec.MsgspecError as error:
        metadata = {"digest": record.check}
        raise DataLoss(f"blob {record.check} is no check: {error}", metadata=metadata) from error


async def _bind(stores: Stores, name: GoldenSetName, record: RoundCheck) -> None:
    """Add a check as the newest; of several at once, that is the one whose commit comes last."""
    full_name = check_name(name, record.key)
    where = check_key(full_name)
    puts = {where: encode(record), newest_key(name): encode(NewestCheck(check=full_name.check))}
    await stores.ledger.commit(Transaction(name.project, checks={where: ABSENT}, puts=puts))
