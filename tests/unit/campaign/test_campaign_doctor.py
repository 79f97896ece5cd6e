"""The campaign service's doctor names what differs and nothing else, and mends it for good."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.campaign.campaigns import set_active
from services.campaign.commit import commit_version
from services.campaign.doctor.diagnose import diagnose
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.projects import create_project
from services.campaign.snapshots import read_content
from services.campaign.versions import drift_of
from services.campaign.watch import read_active
from services.doctor.findings import Finding, FindingKind, FindingOutcome
from services.records.records import now_us
from sluice import errors
from sluice.names import ProjectName
from tests.unit.campaign.faults import Around, Gate, failing
from tests.unit.campaign.tampering import ELEMENTS, LOST, MENDED, Scene, Tamper, scene
from tests.unit.campaign.world import ONCE, PROJECT, World

HOUR_US = 3_600_000_000


@pytest.fixture
async def of(here: World) -> Scene:
    """A campaign of two versions, whose issue has one element more."""
    return await scene(here)


async def examine(here: World, *, repair: bool = False, later: bool = True) -> list[Finding]:
    """What the doctor finds two hours later, or now."""
    at = now_us() + (2 * HOUR_US if later else 0)
    events = diagnose(here.stores, PROJECT, repair=repair, started_us=at)
    return [event async for event in events if isinstance(event, Finding)]


async def state(of: Scene) -> tuple[object, ...]:
    """What people and scorers see of the campaign and its issue."""
    stores, campaign = of.world.stores, await of.record()
    content = await read_content(stores, of.issue)
    tenants = await stores.vectors.tenants(ELEMENTS)
    return (
        campaign.version,
        await drift_of(stores, PROJECT.project, campaign),
        content.issue.element_count,
        content.elements.vectors.tobytes(),
        {tenant: await stores.vectors.count(ELEMENTS, tenant) for tenant in tenants},
        len((await read_active(stores.ledger, PROJECT.project)).campaigns),
    )


@pytest.mark.parametrize("later", [False, True])
async def test_a_healthy_project_is_quiet(of: Scene, later: bool) -> None:
    """After commits, replacements, removals and deletions nothing differs, now and later."""
    here = of.world
    await here.add(of.issue, "a", seed=1)
    await remove_elements(here.stores, of.issue, [("b", "")])
    await here.commit(of.campaign)
    await here.commit(of.campaign)
    await set_active(here.stores, of.campaign, active=False)
    other = await here.issue("x", "y")
    await delete_issue(here.stores, other, "")
    await here.background(rows=80)
    assert [] == await examine(here, later=later)


@pytest.mark.parametrize(("tamper", "kind"), MENDED)
async def test_a_difference_is_named_and_mended(
    of: Scene, tamper: Tamper, kind: FindingKind
) -> None:
    """It alone is named; a look changes nothing; a repair mends it for good."""
    await tamper(of)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(of.world, repair=repair)
        assert (kind, outcome) == (found.kind, found.outcome), found
    assert [] == await examine(of.world)


RESTORED = [
    pair
    for pair in MENDED
    if pair[0].__name__ not in {"generation", "manifest_damaged", "space_missing"}
]


@pytest.mark.parametrize(("tamper", "kind"), RESTORED)
async def test_a_repair_brings_back_what_was(of: Scene, tamper: Tamper, kind: FindingKind) -> None:
    """What people and scorers see is as before, and the next version can be committed."""
    before = await state(of)
    await tamper(of)
    await examine(of.world, repair=True)
    assert before == await state(of)
    assert 3 == (await of.world.commit(of.campaign)).number
    assert [] == await examine(of.world)


@pytest.mark.parametrize(("tamper", "kind"), LOST)
async def test_what_cannot_be_mended_is_said(of: Scene, tamper: Tamper, kind: FindingKind) -> None:
    """It is named as lost, with and without a repair, each time."""
    await tamper(of)
    for repair in (False, True, False):
        [found] = await examine(of.world, repair=repair)
        assert (kind, FindingOutcome.LOST) == (found.kind, found.outcome), found


async def test_what_is_young_is_left_alone(of: Scene) -> None:
    """What died within the hour may be under way: it is named an hour later."""
    here = of.world
    blobs = failing(here.stores.blobs, "put", at=2)
    ledger = failing(here.stores.ledger, "commit")
    with pytest.raises(errors.Unavailable):
        await commit_version(here.having(blobs=blobs).stores, ONCE, of.campaign, "")
    with pytest.raises(errors.Unavailable):
        await here.having(ledger=ledger).add(of.issue, "f")
    assert [] == await examine(here, repair=True, later=False)
    kinds = {found.kind for found in await examine(here)}
    # The manifest is named by the commit for as long as that is not known to be dead.
    assert {FindingKind.SNAPSHOT_UNBOUND, FindingKind.ELEMENT_ORPHAN} == kinds
    await examine(here, repair=True)
    assert [] == await examine(here)


async def slow(here: World, of: Scene, gate: Gate) -> asyncio.Task[Any]:
    """A commit that has written everything, and waits before it puts its model."""
    calls = 0

    async def put(real: Any, content: bytes) -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            await gate.pass_through()
        digest: str = await real(content)
        return digest

    stores = here.having(blobs=Around(here.stores.blobs, "put", put)).stores
    task = asyncio.create_task(commit_version(stores, ONCE, of.campaign, ""))
    await gate.reached.wait()
    return task


async def test_a_commit_under_way_is_left_alone(of: Scene) -> None:
    """A doctor that repairs while a version is made takes nothing from it."""
    gate = Gate()
    task = await slow(of.world, of, gate)
    assert [] == await examine(of.world, repair=True, later=False)
    gate.opened.set()
    assert 3 == (await task).number
    assert [] == await examine(of.world)


async def test_a_commit_that_was_taken_for_dead_cannot_bind(of: Scene) -> None:
    """A commit so slow that its snapshot was removed is ABORTED, and can be made anew."""
    gate = Gate()
    task = await slow(of.world, of, gate)
    assert FindingKind.SNAPSHOT_UNBOUND in {f.kind for f in await examine(of.world, repair=True)}
    gate.opened.set()
    with pytest.raises(errors.Aborted):
        await task
    assert 2 == (await of.record()).version.number
    assert 3 == (await of.world.commit(of.campaign)).number
    await examine(of.world, repair=True)
    assert [] == await examine(of.world)


async def test_files_that_another_project_names_stay(of: Scene) -> None:
    """All projects share one blob store: a doctor of one takes nothing from another."""
    stores = of.world.stores
    await create_project(stores, ONCE, "q", "")
    events = diagnose(stores, ProjectName("q"), repair=True, started_us=now_us() + 2 * HOUR_US)
    assert [] == [event async for event in events if isinstance(event, Finding)]
    assert [] == await examine(of.world)


async def test_files_of_others_stay(of: Scene) -> None:
    """What no campaign service writes is left alone, named or not."""
    digest = await of.world.stores.blobs.put(b"a mask")
    assert [] == await examine(of.world, repair=True)
    assert b"a mask" == await of.world.stores.blobs.get(digest)


async def test_a_busy_project_is_quiet(of: Scene) -> None:
    """While elements come and go and versions are committed, nothing differs, however often."""
    here = of.world
    issue = await here.issue("x", "y")
    campaign, _ = await here.campaign(issue)

    async def edit() -> None:
        number = 0
        while True:
            number += 1
            await here.add(issue, f"f{number}", "x", seed=number)
            await remove_elements(here.stores, issue, [(f"f{number - 3}", "")])

    async def commit() -> None:
        for _ in range(40):
            await here.commit(campaign)
        await asyncio.Event().wait()  # or there would be more of them than can be examined

    async def come_and_go() -> None:
        while True:
            await delete_issue(here.stores, await here.issue("x", "y"), "")

    work = [asyncio.create_task(job) for job in (edit(), commit(), come_and_go())]
    try:
        for number in range(8):
            assert [] == await examine(here, repair=number % 2 == 1, later=False)
        assert not any(task.done() for task in work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def test_a_commit_between_two_reads_is_no_difference(of: Scene) -> None:
    """A version that is bound between the reading of its campaign and of its record is right."""
    waiting = [of.campaign]

    async def scan(real: Any, partition: str, prefix: str, **options: Any) -> Any:
        if prefix.startswith("version/") and waiting:
            await of.world.commit(waiting.pop())
        return await real(partition, prefix, **options)

    ledger = Around(of.world.stores.ledger, "scan", scan)
    assert [] == await examine(of.world.having(ledger=ledger), later=False)
    assert [] == waiting


async def test_an_element_replaced_between_two_reads_is_no_difference(of: Scene) -> None:
    """An element whose point goes because it got another one has its vector."""
    waiting = [of.issue]

    async def retrieve(real: Any, *arguments: Any) -> Any:
        if waiting:
            await of.world.add(waiting.pop(), "a", seed=1)
        return await real(*arguments)

    vectors = Around(of.world.stores.vectors, "retrieve", retrieve)
    assert [] == await examine(of.world.having(vectors=vectors), later=False)
    assert [] == waiting


async def test_an_unknown_project_is_not_found(here: World) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(here.stores, ProjectName("none"), repair=False):
            pass
