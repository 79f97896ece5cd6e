"""Creating batches in a small world, and looking at all that they have left there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.curation.batches.create import Creation
from services.curation.batches.records import Batch, CreateBatchSpec, StoredPick, pick_prefix
from services.curation.datasets.frames import FrameSummary, scan_summaries
from services.curation.datasets.new_frames import FrameToAppend
from services.curation.datasets.updates import GroupUpdate, update_groups
from services.curation.golden.golden_checks import add_check
from services.curation.golden.golden_sets import create_golden_set
from services.curation.golden.history import HistoryKey
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.records import RoundCheck
from services.curation.records import Status, number_prefix, status_counter
from services.ledger.interface import Entry, Ledger, Transaction
from services.records.records import decode
from sluice.errors import Unavailable
from sluice.names import BatchName, GoldenSetName
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame
from tests.unit.curation.golden.annotated_rounds import round_of


class DyingLedger:
    """A ledger whose server dies: after so many commits nothing is written any more."""

    def __init__(self, ledger: Ledger, commits: int) -> None:
        self._ledger = ledger
        self._left = commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`."""
        if not self._left:
            raise Unavailable("the ledger is away")
        self._left -= 1
        await self._ledger.commit(transaction)


class CommitHookLedger:
    """A ledger beside which somebody does something else, once: by a commit that is told."""

    def __init__(
        self,
        ledger: Ledger,
        told: Callable[[Transaction], bool],
        something: Callable[[], Awaitable[object]],
        *,
        before: bool = False,
    ) -> None:
        self._ledger = ledger
        self._told = told
        self._before = before
        self._something: Callable[[], Awaitable[object]] | None = something

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`."""
        something = None
        if self._told(transaction):
            something, self._something = self._something, None
        if something and self._before:
            await something()
        await self._ledger.commit(transaction)
        if something and not self._before:
            await something()


class ScanHookLedger:
    """A ledger beside which somebody does something else, once: before frames are listed."""

    def __init__(self, ledger: Ledger, something: Callable[[], Awaitable[object]]) -> None:
        self._ledger = ledger
        self._something: Callable[[], Awaitable[object]] | None = something

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def scan(self, partition: str, prefix: str, **page: Any) -> list[Entry]:
        """See `Ledger.scan`."""
        if prefix == number_prefix(NAME.dataset) and self._something:
            something, self._something = self._something, None
            await something()
        return await self._ledger.scan(partition, prefix, **page)


def scenes(count: int) -> list[FrameToAppend]:
    """So many groups of two slices each."""
    return [
        frame(f"{number}-{side}", group=f"g{number}", slice_=side)
        for number in range(count)
        for side in ("left", "right")
    ]


async def create(harness: DatasetHarness, id: str = "b1", **wanted: Any) -> Batch:
    """Create a batch."""
    creation = Creation(harness.curation, asyncio.Lock())
    return await creation.create_batch(BatchName(*_parts(), id), CreateBatchSpec(**wanted))


async def fail_golden_check(harness: DatasetHarness) -> RoundCheck:
    """Check a round in which every second car of a golden set is missed."""
    stores, datasets = harness.curation.stores, harness.curation.others.datasets
    name = GoldenSetName(*_parts(), "g")
    reference, missed = (round_of(*[("car", "car")] * 40), round_of(*[("car",)] * 40))
    await create_golden_set(stores, datasets, name, "", GoldenLimits(), reference)
    key = HistoryKey(round=1, schema_version="1", annotator="acme", guideline_version="1")
    return (await add_check(stores, name, key, missed)).record


async def picks(harness: DatasetHarness, id: str = "b1") -> list[StoredPick]:
    """The picks of a batch, by rank."""
    ledger = harness.curation.stores.ledger
    below = pick_prefix(BatchName(*_parts(), id))
    entries = await ledger.scan(NAME.project, below, limit=1_000)
    return [decode(StoredPick, entry) for entry in entries]


async def mark(harness: DatasetHarness, groups: list[str], status: Status) -> None:
    """Give groups a status."""
    await update_groups(harness.curation, ONCE, NAME, groups, GroupUpdate(status))


async def frames(harness: DatasetHarness) -> list[FrameSummary]:
    """All frames."""
    pages = scan_summaries(harness.curation.stores.ledger, NAME)
    return [known async for page in pages for known in page]


async def count(harness: DatasetHarness, status: Status) -> int:
    """How many groups are counted as of a status."""
    name = status_counter(NAME.dataset, status)
    counted = await harness.curation.stores.ledger.counters(NAME.project, [name])
    return counted[name]


def _parts() -> tuple[str, str]:
    return NAME.project, NAME.dataset
