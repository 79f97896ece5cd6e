"""The doctor of curation reports no difference while records are being written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count, cycle, takewhile
from typing import Any

import pytest

from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import GroupUpdate, tag_frames, update_groups
from services.curation.golden.golden_checks import add_check
from services.curation.golden.golden_sets import create_golden_set
from services.curation.golden.history import HistoryKey
from services.curation.golden.limits import GoldenLimits
from services.curation.progress.recorded_rounds import record_round
from services.curation.records import Split, Status
from services.curation.rounds.predictions import FramePredictions, import_predictions
from services.doctor.findings import FindingKind, FindingOutcome
from services.ledger.interface import Entry
from services.records import points as stored_points
from services.records.records import now_us
from sluice.errors import Unavailable
from sluice.names import GoldenSetName
from tests.unit.campaign.faults import Gate, InterceptedStore
from tests.unit.curation.batches.helpers import DyingLedger, create
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame
from tests.unit.curation.doctor.scene import HOUR_US, ROUND, Scene, box, examine, samples
from tests.unit.curation.doctor.tampering import GOLDEN, miscount_status
from tests.unit.curation.golden.annotated_rounds import round_of

Job = Callable[[DatasetHarness, int], Awaitable[Any]]
"""A call that runs again and again, with a new number each time."""


async def append_groups(harness: DatasetHarness, number: int) -> None:
    """Append new groups, and a late slice of one of them."""
    new = [frame(f"n{number}-{i}", group=f"n{number}-{i // 2}", slice_=f"{i}") for i in range(6)]
    await harness.append(*new)
    await harness.append(frame(f"m{number}", group=f"n{number}-0", slice_="late"))


async def replace_embeddings(harness: DatasetHarness, number: int) -> None:
    """Replace the embeddings of existing frames."""
    await harness.append("plain", frame("7-left", group="g7", slice_="left"), seed=number)


async def mark_groups(harness: DatasetHarness, number: int) -> None:
    """Change statuses forward and back, tags, and splits of labelled groups."""
    status = (Status.ANNOTATED, Status.REVIEWED, Status.UNLABELLED)[number % 3]
    marks = GroupUpdate(status, allow_backward=True, add=(f"t{number % 9}",))
    await update_groups(harness.curation, ONCE, NAME, ["g8", "g9"], marks)
    await tag_frames(harness.curation, ONCE, NAME, ["plain"], [], [f"t{number % 7}"])
    shares: Shares = {Split.TRAIN: 1.0}
    await split_groups(harness.curation, NAME, shares, seed=1, statuses=[Status.ANNOTATED])


async def record_measurements(harness: DatasetHarness, number: int) -> None:
    """Import predictions, and add recorded rounds and golden checks."""
    predicted = [FramePredictions(f"{number % 12}-{side}") for side in ("left", "right")]
    await import_predictions(harness.curation, ROUND, predicted)
    stores, datasets = harness.curation.stores, harness.curation.others.datasets
    if number < 50:
        await record_round(stores, datasets, NAME, samples(number + 1))
        key = HistoryKey(
            round=number + 1, schema_version="1", annotator="acme", guideline_version="1"
        )
        await add_check(stores, GOLDEN, key, round_of(*[("car", "car")] * 40))


async def create_batches(harness: DatasetHarness, number: int) -> None:
    """Create batches, while other jobs label the same groups."""
    if number < 30:
        await create(harness, f"c{number}", count=2, golden_override="a test")


JOBS: list[Job] = [
    append_groups,
    replace_embeddings,
    mark_groups,
    record_measurements,
    create_batches,
]


async def test_a_busy_project_has_no_findings(scene: Scene) -> None:
    """While frames are appended, replaced, marked, measured and picked, nothing differs."""
    over = asyncio.Event()

    async def repeat(job: Job) -> None:
        for number in takewhile(lambda _: not over.is_set(), count(1)):
            await job(scene.harness, number)
            await asyncio.sleep(0)

    work = [asyncio.create_task(repeat(job)) for job in JOBS]
    try:
        for number in range(6):
            assert [] == await examine(scene.harness, repair=number % 2 == 1, later=False)
        assert not any(task.done() for task in work)
    finally:
        over.set()
        await asyncio.gather(*work)
    assert [] == await examine(scene.harness)


def with_change_at_scan(
    scene: Scene, prefix: str, change: Callable[[], Awaitable[Any]], *, before: bool = False
) -> DatasetHarness:
    """The harness, with a change after each scan of a prefix that has entries, or before it."""

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if before and below == prefix:
            await change()
        entries = await real(partition, below, **options)
        if not before and below == prefix and entries:
            await change()
        return entries

    return scene.harness.with_stores(ledger=InterceptedStore(scene.stores.ledger, "scan", scan))


async def test_a_frame_that_changes_between_two_reads_is_no_difference(scene: Scene) -> None:
    """A frame whose document and points are replaced keeps the new ones."""
    seeds = count(1)

    async def append_again() -> None:
        seed = next(seeds)
        await scene.harness.append(frame("plain", box(f"b{seed}")), seed=seed)

    assert [] == await examine(
        with_change_at_scan(scene, "frame/d/", append_again), repair=True, later=False
    )
    assert next(seeds) > 2
    assert [] == await examine(scene.harness)


async def test_old_points_of_a_frame_that_is_being_replaced_are_left_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame with young points was changed just now: that call deletes its old ones."""
    with monkeypatch.context() as patch:
        patch.setattr(stored_points, "now_us", lambda: now_us() - 2 * HOUR_US)
        await scene.harness.append("plain")
    gate = Gate()

    async def wait(real: Any, *arguments: Any) -> Any:
        await gate.pass_through()
        return await real(*arguments)

    slow = scene.harness.with_stores(vectors=InterceptedStore(scene.stores.vectors, "delete", wait))
    task = asyncio.create_task(slow.append("plain", seed=1))
    await gate.reached.wait()
    assert [] == await examine(scene.harness, later=False)
    gate.opened.set()
    await task


async def test_points_that_are_not_named_yet_or_no_longer_are_no_difference(scene: Scene) -> None:
    """Points of an append under way stay, and so do those that it is about to delete."""
    for store, method in (("ledger", "commit"), ("vectors", "delete")):
        gate = Gate()

        async def wait(real: Any, *arguments: Any, gate: Gate = gate) -> Any:
            await gate.pass_through()
            return await real(*arguments)

        slow = scene.harness.with_stores(
            **{store: InterceptedStore(getattr(scene.stores, store), method, wait)}
        )
        task = asyncio.create_task(slow.append("car", seed=5 if store == "ledger" else 6))
        await gate.reached.wait()
        assert [] == await examine(scene.harness, repair=True, later=False)
        gate.opened.set()
        assert 1 == (await task).changed_count
        assert [] == await examine(scene.harness)


async def test_leftovers_of_a_failed_append_are_deleted(scene: Scene) -> None:
    """Points that their frame no longer names are deleted an hour later, and not before."""

    async def fail(*_: Any) -> None:
        raise Unavailable("the store is away")

    dying = scene.harness.with_stores(
        vectors=InterceptedStore(scene.stores.vectors, "delete", fail)
    )
    await dying.append("car", seed=5)
    assert [] == await examine(scene.harness, repair=True, later=False)
    findings = await examine(scene.harness, repair=True)
    assert [FindingKind.FRAME_ORPHAN] * 2 == [finding.kind for finding in findings]
    assert [] == await examine(scene.harness)


def alternate_status(scene: Scene) -> DatasetHarness:
    """The harness, where a group is reviewed only while groups are read, each time."""

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if below != "group/d/":
            return await real(partition, below, **options)
        entries: list[Entry] = []
        for status in (Status.REVIEWED, Status.UNLABELLED):
            marks = GroupUpdate(status, allow_backward=True)
            await update_groups(scene.harness.curation, ONCE, NAME, ["g9"], marks)
            entries = entries or await real(partition, below, **options)
        return entries

    return scene.harness.with_stores(ledger=InterceptedStore(scene.stores.ledger, "scan", scan))


async def test_groups_that_change_and_change_back_are_no_difference(scene: Scene) -> None:
    """A status that differs only while groups are read is counted correctly."""
    assert [] == await examine(alternate_status(scene), repair=True)
    assert [] == await examine(scene.harness)


async def test_a_drift_beyond_the_traffic_is_reported_with_bounds(scene: Scene) -> None:
    """With one group changing, two too many are reported as one or two, and repaired later."""
    await miscount_status(scene)
    for repair in (False, True):
        [finding] = await examine(alternate_status(scene), repair=repair)
        assert (FindingKind.COUNTER, FindingOutcome.REPAIRABLE) == (finding.kind, finding.outcome)
        assert ("3 to 4", "5") == (finding.expected, finding.actual)
    [finding] = await examine(scene.harness, repair=True)
    assert ("3", FindingOutcome.REPAIRED) == (finding.expected, finding.outcome)
    assert [] == await examine(scene.harness)


async def test_bounds_of_several_passes_narrow_each_other(scene: Scene) -> None:
    """A group that changes between passes leaves one number within the bounds of all passes."""
    await miscount_status(scene)
    status = cycle([Status.REVIEWED, Status.UNLABELLED])

    async def move() -> None:
        marks = GroupUpdate(next(status), allow_backward=True)
        await update_groups(scene.harness.curation, ONCE, NAME, ["g9"], marks)

    [finding] = await examine(with_change_at_scan(scene, "group/d/", move), repair=False)
    assert ("3", "5") == (finding.expected, finding.actual)


async def test_records_added_between_two_reads_are_no_difference(scene: Scene) -> None:
    """Records that are added while others of their kind are read are counted correctly."""
    numbers = count(1)

    async def append_and_measure() -> None:
        if (number := next(numbers)) % 4:  # or there would be no end
            await append_groups(scene.harness, number)
            await record_measurements(scene.harness, number)

    for prefix in ("frame/d/", "frame-at/d/", "group/d/", "golden-set/d/", "golden-check/d/g/"):
        assert [] == await examine(
            with_change_at_scan(scene, prefix, append_and_measure), repair=True
        )
    assert next(numbers) > 5


async def test_a_frame_added_while_the_last_number_is_read_is_no_difference(
    scene: Scene,
) -> None:
    """The count of frames and their last number are read at one revision."""
    waiting = ["new"]

    async def scan(real: Any, partition: str, below: str, **options: Any) -> Any:
        if waiting and (below, options["limit"]) == ("frame-at/d/", 1):
            await scene.harness.append(waiting.pop())
        return await real(partition, below, **options)

    ledger = InterceptedStore(scene.stores.ledger, "scan", scan)
    assert [] == await examine(scene.harness.with_stores(ledger=ledger), later=False)
    assert [] == waiting


@pytest.mark.parametrize("prefix", ["batch/d/", "pick/d/b2/"])
async def test_a_batch_that_is_continued_is_no_difference(scene: Scene, prefix: str) -> None:
    """An old batch that is finished while it is read is neither unfinished nor miscounted."""
    dying = scene.harness.with_stores(ledger=DyingLedger(scene.stores.ledger, 2))
    with pytest.raises(Unavailable):
        await create(dying, "b2", count=2, golden_override="a test")

    async def finish() -> None:
        await create(scene.harness, "b2", count=2, golden_override="a test")

    harness = with_change_at_scan(scene, prefix, finish, before=prefix.startswith("pick"))
    assert [] == await examine(harness)


async def test_the_first_check_of_a_golden_set_is_no_difference(scene: Scene) -> None:
    """A check that is added while checks are read is named as the newest by then."""
    name = GoldenSetName(NAME.project, NAME.dataset, "g2")
    stores, datasets = scene.stores, scene.harness.curation.others.datasets
    round_ = round_of(*[("car", "car")] * 40)
    await create_golden_set(stores, datasets, name, "", GoldenLimits(), round_)

    async def check() -> None:
        await add_check(stores, name, scene.check.key, round_)

    assert [] == await examine(with_change_at_scan(scene, "golden-check/d/g2/", check, before=True))
