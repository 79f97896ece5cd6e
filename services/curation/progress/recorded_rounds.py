"""Recorded rounds: added once, and never changed or deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import structs

from services.curation.context import Curation
from services.curation.progress.measurement import MeasureRoundSpec, measure_round
from services.curation.progress.records import (
    RecordedRound,
    RoundSamples,
    round_key,
    rounds_counter,
    rounds_prefix,
)
from services.curation.rounds.rounds import round_key as measured_round_key
from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.peers.datasets import DatasetReader
from services.records.blobs import read_blob
from services.records.documents import find_record, read_records
from services.records.pages import Page
from services.records.records import encode, now_us
from services.records.stores import Stores
from sluice.errors import Aborted, AlreadyExists, DataLoss, ResourceExhausted
from sluice.names import DatasetName, RoundName

ROUNDS_MAX: Final = 100
"""All of them are read for every progress overview."""


async def record_round(
    stores: Stores, datasets: DatasetReader, name: DatasetName, samples: RoundSamples
) -> tuple[RecordedRound, bool]:
    """Record a round of a dataset; also returns whether it was added or existed.

    Raises InvalidArgument naming the first invalid value, AlreadyExists if its number has different
    content, and ResourceExhausted for one round too many.
    """
    await datasets.get(name)
    record = await _store_samples(stores, samples)
    try:
        await stores.ledger.commit(_addition(name, record))
    except Conflict as conflict:
        return await _read_existing(stores, name, record, conflict), False
    return record, True


async def record_measured_round(
    curation: Curation, name: DatasetName, spec: MeasureRoundSpec
) -> tuple[RecordedRound, bool]:
    """Measure a round's predictions and record the result; also returns whether it was added.

    An existing result of the same request is returned unchanged. Raises as `record_round` and
    `measure_round` do, and Aborted if predictions are imported meanwhile.
    """
    spec.check()
    stores, origin = curation.stores, spec.origin()
    await curation.others.datasets.get(name)
    ledger_key = round_key(name, spec.number)
    if stored := await find_record(stores.ledger, name.project, ledger_key, RecordedRound):
        return _check_same(name, stored.record, stored.record.measured_from == origin), False
    measured = await measure_round(curation, name, spec)
    stored_samples = await _store_samples(stores, measured.samples)
    record = structs.replace(
        stored_samples, measured_from=origin, without_predictions=measured.without_predictions
    )
    source = RoundName(name.project, name.dataset, spec.round)
    checks = {measured_round_key(source): measured.round_revision}
    try:
        await stores.ledger.commit(_addition(name, record, checks))
    except Conflict as conflict:
        if conflict.subject in checks:
            problem = (
                f"{source}: predictions were imported or mined meanwhile; record the round again"
            )
            raise Aborted(problem) from conflict
        return await _read_existing(stores, name, record, conflict), False
    return record, True


async def _store_samples(stores: Stores, samples: RoundSamples) -> RecordedRound:
    content = await asyncio.to_thread(_encode_checked, samples)
    return RecordedRound(
        round=samples.round,
        labelled_groups=samples.labelled_groups,
        samples=await stores.blobs.put(content),
        sample_count=len(samples.sample_ids),
        mean=sum(samples.values) / len(samples.values),
        with_predictions=bool(samples.predictions),
        slices=tuple(sample_slice.name for sample_slice in samples.slices),
        judged=len(samples.failures),
        created_us=now_us(),
    )


def _addition(
    name: DatasetName, record: RecordedRound, checks: Mapping[str, int] | None = None
) -> Transaction:
    """The transaction that adds a new round, if all checks hold."""
    ledger_key = round_key(name, record.round)
    counter = rounds_counter(name)
    return Transaction(
        name.project,
        checks={ledger_key: ABSENT, **(checks or {})},
        puts={ledger_key: encode(record)},
        adds={counter: Add(1, ceiling=ROUNDS_MAX)},
    )


async def list_rounds(
    stores: Stores, datasets: DatasetReader, name: DatasetName, page: Page
) -> tuple[list[RecordedRound], str]:
    """A page of the recorded rounds of a dataset, by number, and the next one's token."""
    await datasets.get(name)
    return await read_records(stores.ledger, name.project, rounds_prefix(name), RecordedRound, page)


async def read_samples(stores: Stores, record: RecordedRound) -> RoundSamples:
    """The samples of a round; DataLoss if they are damaged or missing."""
    content = await read_blob(stores.blobs, record.samples)
    try:
        return await asyncio.to_thread(msgspec.msgpack.decode, content, type=RoundSamples)
    except msgspec.MsgspecError as error:
        metadata = {"digest": record.samples}
        problem = f"blob {record.samples} is not a recorded round: {error}"
        raise DataLoss(problem, metadata=metadata) from error


def _encode_checked(samples: RoundSamples) -> bytes:
    samples.check()
    return samples.to_bytes()


async def _read_existing(
    stores: Stores, name: DatasetName, record: RecordedRound, conflict: Conflict
) -> RecordedRound:
    """The existing round after a conflict."""
    ledger_key = round_key(name, record.round)
    stored = await find_record(stores.ledger, name.project, ledger_key, RecordedRound)
    if stored is None:
        problem = f"{name} has {ROUNDS_MAX} recorded rounds, which is the limit"
        raise ResourceExhausted(problem, metadata={"limit": str(ROUNDS_MAX)}) from conflict
    same = stored.record.measured_from == record.measured_from
    if record.measured_from is None:
        same = same and stored.record.samples == record.samples
    return _check_same(name, stored.record, same)


def _check_same(name: DatasetName, stored: RecordedRound, same: bool) -> RecordedRound:
    """The existing round; AlreadyExists if it is not the same."""
    if not same:
        problem = f"round: {stored.round} of {name} is already recorded, with different content"
        raise AlreadyExists(problem)
    return stored
