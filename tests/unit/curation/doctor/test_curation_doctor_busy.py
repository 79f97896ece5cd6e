"""The doctor of curation takes nothing for a difference that is only being written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count, cycle, takewhile
from typing import Any

import pytest

from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import GroupUpdate, tag_frames, update_groups
from services.curation.golden.checks import add_check
from services.curation.golden.history import HistoryKey
from services.curation.golden.sets import create_golden_set
from services.curation.golden.verdict import Limits
from services.curation.progress.recording import record_round
from services.curation.records import Split, Status
from services.curation.rounds.predictions import FramePredictions, import_predictions
from services.doctor.findings import FindingKind, FindingOutcome
from services.ledger.interface import Entry
from services.records import points as stored_points
from services.records.records import now_us
from sluice.errors import Unavailable
from sluice.names import GoldenSetName
from tests.unit.campaign.faults import Around, Gate
from tests.unit.curation.batches.helpers import DyingLedger, create
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame
from tests.unit.curation.doctor.scene import HOUR_US, ROUND, Scene, box, examine, samples
from tests.unit.curation.doctor.tampering import GOLDEN, status_miscounted
from tests.unit.curation.golden.rounds import round_of

Job = Callable[[DatasetHarness, int], Awaitable[Any]]
"""What somebody does again and again, each time under another number."""


async def append(here: DatasetHarness, number: int) -> None:
    """New groups, and a slice more of the last ones."""
    new = [frame(f"n{number}-{i}", group=f"n{number}-{i // 2}", slice_=f"{i}") for i in range(6)]
    await here.append(*new)
    await here.append(frame(f"m{number}", group=f"n{number}-0", slice_="late"))


async def replace(here: DatasetHarness, number: int) -> None:
    """Other embeddings of frames that are there."""
    await here.append("plain", frame("7-left", group="g7", slice_="left"), seed=number)


async def mark(here: DatasetHarness, number: int) -> None:
    """Statuses there and back, tags, and splits of what is labelled."""
    status = (Status.ANNOTATED, Status.REVIEWED, Status.UNLABELLED)[number % 3]
    marks = GroupUpdate(status, allow_backward=True, add=(f"t{number % 9}",))
    await update_groups(here.curation, ONCE, NAME, ["g8", "g9"], marks)
    await tag_frames(here.curation, ONCE, NAME, ["plain"], [], [f"t{number % 7}"])
    shares: Shares = {Split.TRAIN: 1.0}
    await split_groups(here.curation, NAME, shares, seed=1, statuses=[Status.ANNOTATED])


async def measure(here: DatasetHarness, number: int) -> None:
    """Predictions, recorded rounds and golden checks."""
    predicted = [FramePredictions(f"{number % 12}-{side}") for side in ("left", "right")]
    await import_predictions(here.curation, ROUND, predicted)
    stores, datasets = here.curation.stores, here.curation.others.datasets
    if number < 50:
        await record_round(stores, datasets, NAME, samples(number + 1))
        key = HistoryKey(
            round=number + 1, schema_version="1", annotator="acme", guideline_version="1"
        )
        await add_check(stores, GOLDEN, key, round_of(*[("car", "car")] * 40))


async def choose(here: DatasetHarness, number: int) -> None:
    """Batches, while others label the same groups."""
    if number < 30:
        await create(here, f"c{number}", count=2, golden_override="a test")


JOBS: list[Job] = [append, replace, mark, measure, choose]


async def test_a_busy_project_is_quiet(of: Scene) -> None:
    """While frames come, change, are marked, measured and chosen, nothing differs."""
    over = asyncio.Event()

    async def repeat(job: Job) -> None:
        for number in takewhile(lambda _: not over.is_set(), count(1)):
            await job(of.here, number)
            await asyncio.sleep(0)

    work = [asyncio.create_task(repeat(job)) for job in JOBS]
    try:
        for number in range(6):
            assert [] == await examine(of.here, repair=number % 2 == 1, later=False)
        assert not any(task.done() for task in work)
    finally:
        over.set()
        await asyncio.gather(*work)
    assert [] == await examine(of.here)


def overtaken(
    of: Scene, prefix: str, something: Callable[[], Awaitable[Any]], *, before: bool = False
) -> DatasetHarness:
    """The world, where something else happens at each scan below a prefix, mostly after it."""

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if before and below == prefix:
            await something()
        found = await real(partition, below, **options)
        if not before and below == prefix and found:
            await something()
        return found

    return of.here.with_stores(ledger=Around(of.stores.ledger, "scan", scan))


async def test_a_frame_that_changes_between_two_reads_is_no_difference(of: Scene) -> None:
    """A frame that gets another document and other points has its own, and loses none."""
    seeds = count(1)

    async def again() -> None:
        seed = next(seeds)
        await of.here.append(frame("plain", box(f"b{seed}")), seed=seed)

    assert [] == await examine(overtaken(of, "frame/d/", again), repair=True, later=False)
    assert next(seeds) > 2
    assert [] == await examine(of.here)


async def test_old_points_that_a_frame_has_just_lost_are_left_to_who_replaced_them(
    of: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame whose points are young was changed just now: its old ones are being deleted."""
    with monkeypatch.context() as patch:
        patch.setattr(stored_points, "now_us", lambda: now_us() - 2 * HOUR_US)
        await of.here.append("plain")
    gate = Gate()

    async def wait(real: Any, *arguments: Any) -> Any:
        await gate.pass_through()
        return await real(*arguments)

    slow = of.here.with_stores(vectors=Around(of.stores.vectors, "delete", wait))
    task = asyncio.create_task(slow.append("plain", seed=1))
    await gate.reached.wait()
    assert [] == await examine(of.here, later=False)
    gate.opened.set()
    await task


async def test_points_that_are_not_named_yet_or_no_more_are_no_difference(of: Scene) -> None:
    """Those of an append under way stay, and so do those that it is about to delete."""
    for store, method in (("ledger", "commit"), ("vectors", "delete")):
        gate = Gate()

        async def wait(real: Any, *arguments: Any, gate: Gate = gate) -> Any:
            await gate.pass_through()
            return await real(*arguments)

        slow = of.here.with_stores(**{store: Around(getattr(of.stores, store), method, wait)})
        task = asyncio.create_task(slow.append("car", seed=5 if store == "ledger" else 6))
        await gate.reached.wait()
        assert [] == await examine(of.here, repair=True, later=False)
        gate.opened.set()
        assert 1 == (await task).replaced_count
        assert [] == await examine(of.here)


async def test_what_an_append_that_died_has_left_is_removed(of: Scene) -> None:
    """Points that its frame does not name any more go, an hour later and not before."""

    async def fail(*_: Any) -> None:
        raise Unavailable("the store is away")

    dying = of.here.with_stores(vectors=Around(of.stores.vectors, "delete", fail))
    await dying.append("car", seed=5)
    assert [] == await examine(of.here, repair=True, later=False)
    found = await examine(of.here, repair=True)
    assert [FindingKind.FRAME_ORPHAN] * 2 == [finding.kind for finding in found]
    assert [] == await examine(of.here)


def there_and_back(of: Scene) -> DatasetHarness:
    """The world, where a group is reviewed only while groups are read, each time."""

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if below != "group/d/":
            return await real(partition, below, **options)
        found: list[Entry] = []
        for status in (Status.REVIEWED, Status.UNLABELLED):
            marks = GroupUpdate(status, allow_backward=True)
            await update_groups(of.here.curation, ONCE, NAME, ["g9"], marks)
            found = found or await real(partition, below, **options)
        return found

    return of.here.with_stores(ledger=Around(of.stores.ledger, "scan", scan))


async def test_groups_that_go_there_and_back_are_no_difference(of: Scene) -> None:
    """A status that was another only while groups were read, each time, is counted right."""
    assert [] == await examine(there_and_back(of), repair=True)
    assert [] == await examine(of.here)


async def test_a_drift_beyond_the_traffic_is_found_and_bounded(of: Scene) -> None:
    """With one group in motion, two too many are told as one or two, and mended in peace."""
    await status_miscounted(of)
    for repair in (False, True):
        [found] = await examine(there_and_back(of), repair=repair)
        assert (FindingKind.COUNTER, FindingOutcome.REPAIRABLE) == (found.kind, found.outcome)
        assert ("3 to 4", "5") == (found.expected, found.actual)
    [found] = await examine(of.here, repair=True)
    assert ("3", FindingOutcome.REPAIRED) == (found.expected, found.outcome)
    assert [] == await examine(of.here)


async def test_what_several_counts_say_holds_together(of: Scene) -> None:
    """A group that is another at each count leaves one number that all of them allow."""
    await status_miscounted(of)
    status = cycle([Status.REVIEWED, Status.UNLABELLED])

    async def move() -> None:
        marks = GroupUpdate(next(status), allow_backward=True)
        await update_groups(of.here.curation, ONCE, NAME, ["g9"], marks)

    [found] = await examine(overtaken(of, "group/d/", move), repair=False)
    assert ("3", "5") == (found.expected, found.actual)


async def test_what_comes_between_two_reads_is_no_difference(of: Scene) -> None:
    """Frames, checks and picks that come while theirs are read are counted and named right."""
    numbers = count(1)

    async def come() -> None:
        if (number := next(numbers)) % 4:  # or there would be no end
            await append(of.here, number)
            await measure(of.here, number)

    for prefix in ("frame/d/", "frame-at/d/", "group/d/", "golden-set/d/", "golden-check/d/g/"):
        assert [] == await examine(overtaken(of, prefix, come), repair=True)
    assert next(numbers) > 5


async def test_a_frame_that_comes_while_the_last_is_looked_for_is_no_difference(
    of: Scene,
) -> None:
    """The count of frames and their last number are of one moment."""
    waiting = ["new"]

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if waiting and (below, options["limit"]) == ("frame-at/d/", 1):
            await of.here.append(waiting.pop())
        return await real(partition, below, **options)

    ledger = Around(of.stores.ledger, "scan", scan)
    assert [] == await examine(of.here.with_stores(ledger=ledger), later=False)
    assert [] == waiting


@pytest.mark.parametrize("prefix", ["batch/d/", "pick/d/b2/"])
async def test_a_batch_that_is_gone_on_with_is_no_difference(of: Scene, prefix: str) -> None:
    """An old batch that is finished while it is read is neither left nor miscounted."""
    dying = of.here.with_stores(ledger=DyingLedger(of.stores.ledger, 2))
    with pytest.raises(Unavailable):
        await create(dying, "b2", count=2, golden_override="a test")

    async def finish() -> None:
        await create(of.here, "b2", count=2, golden_override="a test")

    world = overtaken(of, prefix, finish, before=prefix.startswith("pick"))
    assert [] == await examine(world)


async def test_the_first_check_of_a_golden_set_is_no_difference(of: Scene) -> None:
    """One that is added while the checks are read is named as the newest by then."""
    name = GoldenSetName(NAME.project, NAME.dataset, "g2")
    stores, datasets = of.stores, of.here.curation.others.datasets
    round_ = round_of(*[("car", "car")] * 40)
    await create_golden_set(stores, datasets, name, "", Limits(), round_)

    async def check() -> None:
        await add_check(stores, name, of.check.key, round_)

    assert [] == await examine(overtaken(of, "golden-check/d/g2/", check, before=True))
