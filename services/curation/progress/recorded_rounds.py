"""Recording rounds: each once, and for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from services.curation.context import Curation
from services.curation.progress.measurement import MeasureRoundSpec, measure_round
from services.curation.progress.records import (
    MeasuredFrom,
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
"""All of them are read for each look at the progress."""


async def record_round(
    stores: Stores, datasets: DatasetReader, name: DatasetName, samples: RoundSamples
) -> tuple[RecordedRound, bool]:
    """Record a round of a dataset; also whether it was added, or was there.

    Raises InvalidArgument naming what is wrong, AlreadyExists where another content has its
    number, and ResourceExhausted for one round too many.
    """
    await datasets.get(name)
    record = await _record(stores, samples)
    try:
        await stores.ledger.commit(_creation(name, record))
    except Conflict as conflict:
        return await _existing(stores, name, record, conflict), False
    return record, True


async def record_measured(
    curation: Curation, name: DatasetName, wanted: MeasureRoundSpec
) -> tuple[RecordedRound, bool]:
    """Record a round of a dataset as its predictions measure it; also whether it was added.

    What was measured once is returned as it was. Raises as `record_round` and `measure_round` do,
    and Aborted when predictions come meanwhile.
    """
    wanted.check()
    stores, origin = curation.stores, wanted.origin()
    await curation.others.datasets.get(name)
    where = round_key(name, wanted.number)
    if found := await find_record(stores.ledger, name.project, where, RecordedRound):
        return _same(name, found.record, found.record.measured_from == origin), False
    measured = await measure_round(curation, name, wanted)
    record = await _record(stores, measured.samples, origin)
    source = RoundName(name.project, name.dataset, wanted.round)
    checks = {measured_round_key(source): measured.round_revision}
    try:
        await stores.ledger.commit(_creation(name, record, checks))
    except Conflict as conflict:
        if conflict.subject in checks:
            problem = f"{source}: predictions came, or it was mined, meanwhile; record it again"
            raise Aborted(problem) from conflict
        return await _existing(stores, name, record, conflict), False
    return record, True


async def _record(
    stores: Stores, samples: RoundSamples, origin: MeasuredFrom | None = None
) -> RecordedRound:
    content = await asyncio.to_thread(_checked, samples)
    return RecordedRound(
        round=samples.round,
        labelled_groups=samples.labelled_groups,
        samples=await stores.blobs.put(content),
        sample_count=len(samples.sample_ids),
        mean=sum(samples.values) / len(samples.values),
        with_predictions=bool(samples.predictions),
        slices=tuple(found.name for found in samples.slices),
        judged=len(samples.failures),
        measured_from=origin,
        created_us=now_us(),
    )


def _creation(
    name: DatasetName, record: RecordedRound, checks: Mapping[str, int] | None = None
) -> Transaction:
    """What adds a round that is not there, while all checks hold."""
    where = round_key(name, record.round)
    counter = rounds_counter(name)
    return Transaction(
        name.project,
        checks={where: ABSENT, **(checks or {})},
        puts={where: encode(record)},
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
        raise DataLoss(f"blob {record.samples} is no round: {error}", metadata=metadata) from error


def _checked(samples: RoundSamples) -> bytes:
    samples.check()
    return samples.to_bytes()


async def _existing(
    stores: Stores, name: DatasetName, record: RecordedRound, conflict: Conflict
) -> RecordedRound:
    """The same round, that is there already."""
    where = round_key(name, record.round)
    found = await find_record(stores.ledger, name.project, where, RecordedRound)
    if found is None:
        problem = f"{name} has {ROUNDS_MAX} recorded rounds, which is the most"
        raise ResourceExhausted(problem, metadata={"limit": str(ROUNDS_MAX)}) from conflict
    same = found.record.measured_from == record.measured_from
    if record.measured_from is None:
        same = same and found.record.samples == record.samples
    return _same(name, found.record, same)


def _same(name: DatasetName, found: RecordedRound, same: bool) -> RecordedRound:
    """The round that is there; AlreadyExists where it is not the same."""
    if not same:
        problem = f"round: {found.round} of {name} is recorded already, with other content"
        raise AlreadyExists(problem)
    return found
