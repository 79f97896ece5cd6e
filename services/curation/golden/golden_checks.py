"""The checks of a golden set: added once for each round, deleted with the set."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from msgspec import structs

from services.curation.golden.annotations import Annotations
from services.curation.golden.golden_sets import check_task, get_golden_set, read_reference
from services.curation.golden.history import CheckContent, HistoryKey, check_unchanged
from services.curation.golden.image_names import check_images_match
from services.curation.golden.records import (
    CheckOverride,
    GoldenSet,
    NewestCheck,
    RoundCheck,
    check_key,
    check_name,
    checks_prefix,
    golden_set_key,
    newest_key,
)
from services.curation.golden.round_check import CheckDetails, check_round
from services.curation.golden.verdict import GoldenVerdict
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
    """A check with its details, and whether it was added or existed."""

    record: RoundCheck
    details: CheckDetails
    added: bool


async def add_check(
    stores: Stores, name: GoldenSetName, key: HistoryKey, annotations: Annotations
) -> CheckResult:
    """Compare a round with a golden set, and add the check to its history.

    An existing round is not compared again. Raises InvalidArgument for an invalid key, labels of
    another task, and a round without any golden image; AlreadyExists if other annotations have the
    key.
    """
    key.check()
    golden_set = await get_golden_set(stores, name)
    check_task(annotations, golden_set.task_type)
    annotations_bytes = await asyncio.to_thread(annotations.to_bytes)
    digest = await asyncio.to_thread(annotations.digest)
    content = CheckContent(digest.hex(), golden_set.annotations)
    if existing := await _find_existing(stores, name, key, content):
        return existing
    reference = await read_reference(stores, golden_set)
    check_images_match(reference, annotations)
    details = await asyncio.to_thread(
        check_round, reference, annotations, golden_set.classes, limits=golden_set.limits
    )
    record = RoundCheck(
        key=key,
        annotations=await stores.blobs.put(annotations_bytes),
        reference=golden_set.annotations,
        check=await stores.blobs.put(msgspec.msgpack.encode(details)),
        verdict=details.verdict,
        reason=details.reason,
        summary=structs.replace(details.current, other_classes={}),
        missing=len(details.missing),
        created_us=now_us(),
    )

    async def attempt() -> CheckResult:
        try:
            await _bind(stores, name, record)
        except Conflict:
            if existing := await _find_existing(stores, name, key, content):
                return existing
            raise
        return CheckResult(record, details, added=True)

    result = await retry(attempt, check_name(name, key))
    if result.added:
        # Again: a golden set with the same files may have been deleted before this was stored.
        for file in (annotations_bytes, msgspec.msgpack.encode(details)):
            await stores.blobs.put(file)
    return result


async def get_check(stores: Stores, name: GoldenCheckName) -> tuple[RoundCheck, CheckDetails]:
    """A check and its details; NotFound if it does not exist."""
    stored = await read_record(stores.ledger, name.project, check_key(name), RoundCheck, name)
    return stored.record, await _read_details(stores, stored.record)


async def list_checks(
    stores: Stores, name: GoldenSetName, page: Page
) -> tuple[list[RoundCheck], str]:
    """A page of the checks of a golden set, by round, and the next one's token."""
    await get_golden_set(stores, name)
    return await read_records(stores.ledger, name.project, checks_prefix(name), RoundCheck, page)


async def override_check(
    stores: Stores, name: GoldenCheckName, reason: str, decided_by: str, key_id: str
) -> tuple[RoundCheck, CheckDetails]:
    """Unblock a dataset despite a failed check; the same decision again changes nothing.

    Raises FailedPrecondition if the check did not fail, AlreadyExists if it has another override.
    """
    check_text("reason", reason, REASON_BYTES_MAX)
    check_text("decided_by", decided_by, empty=True)
    override = CheckOverride(
        reason=reason, decided_by=decided_by, key_id=key_id, created_us=now_us()
    )

    async def attempt() -> RoundCheck:
        ledger_key = check_key(name)
        before = await read_record(stores.ledger, name.project, ledger_key, RoundCheck, name)
        _check_override(name, before.record, override)
        if before.record.override is not None:
            return before.record
        changed = structs.replace(before.record, override=override)
        change = Transaction(
            name.project, checks={ledger_key: before.revision}, puts={ledger_key: encode(changed)}
        )
        await stores.ledger.commit(change)
        return changed

    record = await retry(attempt, name)
    return record, await _read_details(stores, record)


def _check_override(name: GoldenCheckName, record: RoundCheck, override: CheckOverride) -> None:
    if record.verdict is not GoldenVerdict.FAIL:
        problem = f"{name} blocks nothing: its verdict is {record.verdict}, not fail"
        raise FailedPrecondition(problem)
    if record.override is not None and not record.override.is_same_decision(override):
        by = record.override.decided_by or f"API key {record.override.key_id}"
        raise AlreadyExists(f"{name} is already overridden by {by}: {record.override.reason!r}")


async def _find_existing(
    stores: Stores, name: GoldenSetName, key: HistoryKey, content: CheckContent
) -> CheckResult | None:
    """The check with that key, if there is one; AlreadyExists if its content differs."""
    ledger_key = check_key(check_name(name, key))
    stored = await find_record(stores.ledger, name.project, ledger_key, RoundCheck)
    if stored is None:
        return None
    record = stored.record
    check_unchanged(key, CheckContent(record.annotations, record.reference), content)
    return CheckResult(record, await _read_details(stores, record), added=False)


async def _read_details(stores: Stores, record: RoundCheck) -> CheckDetails:
    content = await read_blob(stores.blobs, record.check)
    try:
        return msgspec.msgpack.decode(content, type=CheckDetails)
    except msgspec.MsgspecError as error:
        metadata = {"digest": record.check}
        problem = f"blob {record.check} is not a golden check: {error}"
        raise DataLoss(problem, metadata=metadata) from error


async def _bind(stores: Stores, name: GoldenSetName, record: RoundCheck) -> None:
    """Add a check as the one that decides; of concurrent ones, the last commit wins.

    An insufficient check proves nothing, so it takes the place of insufficient ones only. Raises
    NotFound if the golden set is deleted meanwhile.
    """
    full_name = check_name(name, record.key)
    ledger_key, newest_ledger_key = check_key(full_name), newest_key(name)
    golden_set = await read_record(
        stores.ledger, name.project, golden_set_key(name), GoldenSet, name
    )
    checks = {ledger_key: ABSENT, golden_set_key(name): golden_set.revision}
    puts = {ledger_key: encode(record)}
    newest = await find_record(stores.ledger, name.project, newest_ledger_key, NewestCheck)
    if record.decides or newest is None or not await _decides(stores, name, newest.record):
        puts[newest_ledger_key] = encode(NewestCheck(check=full_name.check))
    if not record.decides:
        checks[newest_ledger_key] = ABSENT if newest is None else newest.revision
    await stores.ledger.commit(Transaction(name.project, checks=checks, puts=puts))


async def _decides(stores: Stores, name: GoldenSetName, newest: NewestCheck) -> bool:
    """Whether a check that is named as the newest one decides."""
    full_name = GoldenCheckName(name.project, name.dataset, name.golden_set, newest.check)
    ledger_key = check_key(full_name)
    stored = await find_record(stores.ledger, name.project, ledger_key, RoundCheck)
    return stored is not None and stored.record.decides
