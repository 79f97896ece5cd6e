"""The doctor of curation names what differs and nothing else, and mends it for good."""

from __future__ import annotations

import asyncio

import pytest

from services.curation.batches.read import list_batches, list_picks
from services.curation.batches.records import BatchState
from services.curation.datasets.counts import count_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.frames import DatasetFrame, stream_frames
from services.curation.datasets.views import list_views
from services.curation.doctor.diagnose import diagnose
from services.curation.golden.checks import get_check
from services.curation.golden.gate import read_gate
from services.curation.golden.records import check_name
from services.curation.records import Group, Status, group_key, status_counter
from services.curation.rounds.rounds import get_round
from services.doctor.findings import FindingKind, FindingOutcome
from services.records.pages import read_page
from sluice import errors
from sluice.names import ProjectName
from tests.unit.curation.batches.helpers import DyingLedger, create
from tests.unit.curation.datasets.harness import NAME
from tests.unit.curation.doctor.scene import (
    FRAMES,
    ROUND,
    TENANT,
    Scene,
    append_all,
    append_crops,
    examine,
)
from tests.unit.curation.doctor.tampering import (
    BATCH,
    DATASET,
    GOLDEN,
    LOST,
    MENDED,
    Tamper,
    document_missing,
    document_other,
    newest_unknown,
    orphan,
    plan_left,
    status_miscounted,
    vector_missing,
    vector_other,
)

ALL = read_page(100, "", "test")


async def frames(of: Scene) -> list[tuple[DatasetFrame, bytes]]:
    """All frames, each with all embeddings of its part of the stream."""
    parts = stream_frames(of.here.curation, NAME, EVERYTHING, with_embeddings=True)
    return [
        (frame, part.embeddings.vectors.tobytes() if part.embeddings else b"")
        async for part in parts
        for frame in part.frames
    ]


async def points(of: Scene) -> dict[str, int]:
    """How many points each dataset has."""
    vectors = of.stores.vectors
    return {tenant: await vectors.count(FRAMES, tenant) for tenant in await vectors.tenants(FRAMES)}


async def state(of: Scene) -> tuple[object, ...]:
    """What people see of the dataset, and how many points it has."""
    curation, stores = of.here.curation, of.stores
    return (
        await frames(of),
        await points(of),
        await count_frames(curation, NAME),
        await get_round(curation, ROUND),
        await list_batches(curation, NAME, ALL),
        await list_picks(curation, BATCH, ALL),
        await list_views(curation, NAME, ALL),
        await get_check(stores, check_name(GOLDEN, of.check.key)),
        (await read_gate(stores, NAME)).reason,
        await stores.ledger.scan(NAME.project, "batch-plan/", limit=1),
    )


@pytest.mark.parametrize("later", [False, True])
async def test_a_healthy_project_is_quiet(of: Scene, later: bool) -> None:
    """After work of every kind, also with replaced embeddings, nothing differs, now and later."""
    await of.here.append("plain", seed=1)
    await of.here.append("plain", seed=2)
    await create(of.here, "b2", count=2, golden_override="a test")
    assert [] == await examine(of.here, later=later)
    assert [] == await examine(of.here, repair=True, later=later)


@pytest.mark.parametrize(("tamper", "kind", "subject"), MENDED)
async def test_a_difference_is_named_and_mended(
    of: Scene, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It alone is named; a look changes nothing; a repair brings back what was, for good."""
    before = await state(of)
    await tamper(of)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(of.here, repair=repair)
        assert (kind, outcome) == (found.kind, found.outcome), found
        assert found.subject.startswith(subject)
    assert [] == await examine(of.here)
    assert before == await state(of)
    assert 1 == (await of.here.append("new")).added_count
    assert [] == await examine(of.here)


@pytest.mark.parametrize(("tamper", "kind", "subject"), LOST)
async def test_what_cannot_be_mended_is_said(
    of: Scene, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It is named as lost, with and without a repair, each time, and nothing is taken away."""
    before = await points(of)
    await tamper(of)
    if tamper is vector_missing:
        before[TENANT] -= 1
    for repair in (False, True, False):
        [found] = await examine(of.here, repair=repair)
        assert (kind, FindingOutcome.LOST) == (found.kind, found.outcome), found
        assert found.subject.startswith(subject)
    assert before == await points(of)


@pytest.mark.parametrize("tamper", [vector_missing, vector_other, document_missing, document_other])
async def test_how_a_loss_comes_back_is_said(of: Scene, tamper: Tamper) -> None:
    """A repair has to note it first; afterwards, appending is all that it takes."""
    await tamper(of)
    said = [(await examine(of.here, repair=repair))[0].actual for repair in (False, True, False)]

    assert ["repair, then append the frame again", *["append the frame again"] * 2] == [
        each.partition(": ")[2] for each in said
    ]


@pytest.mark.parametrize("tamper", [vector_missing, vector_other, document_missing, document_other])
async def test_what_is_appended_again_after_a_repair_is_there(of: Scene, tamper: Tamper) -> None:
    """A lost embedding or document comes back with the very call that brought it first."""
    before, there = await frames(of), await points(of)
    await tamper(of)
    await examine(of.here, repair=True)
    await append_crops(of.here)
    assert [] == await examine(of.here)
    again = await frames(of)
    assert [(frame.frame, vectors) for frame, vectors in before] == [
        (frame.frame, vectors) for frame, vectors in again
    ]
    assert there == await points(of)


async def test_counters_say_what_was_expected(of: Scene) -> None:
    """A counter's finding has the number of the groups, and the one that was found."""
    await status_miscounted(of)
    [found] = await examine(of.here)
    assert ("3", "5") == (found.expected, found.actual)


async def test_a_lost_group_is_made_anew(of: Scene) -> None:
    """Its frames make it again, unlabelled, and what counts groups follows."""
    await of.write(group_key(DATASET, "g1"))
    kinds = {found.kind for found in await examine(of.here)}
    assert {FindingKind.FRAME_GROUP, FindingKind.COUNTER} == kinds
    found = await examine(of.here, repair=True)
    assert {FindingOutcome.REPAIRED} == {finding.outcome for finding in found}
    assert [] == await examine(of.here)
    group = await of.read(group_key(DATASET, "g1"), Group)
    assert (("1-left", "1-right"), Status.UNLABELLED) == (group.frames, group.status)
    counts = await count_frames(of.here.curation, NAME)
    assert (14, 2) == (counts.groups, counts.by_status[Status.REVIEWED])


async def test_a_gate_that_was_open_by_mistake_is_closed(of: Scene) -> None:
    """A failed check that was forgotten blocks the next batch again."""
    await newest_unknown(of)
    await create(of.here, "b2", count=1)
    await examine(of.here, repair=True)
    with pytest.raises(errors.FailedPrecondition):
        await create(of.here, "b3", count=1)


async def test_a_batch_left_half_way_is_said_and_finished_by_its_request(of: Scene) -> None:
    """A repair leaves it; the same CreateBatch goes on, and then nothing differs."""
    wanted = {"count": 3, "golden_override": "a test"}
    with pytest.raises(errors.Unavailable):
        await create(of.here.with_stores(ledger=DyingLedger(of.stores.ledger, 2)), "b2", **wanted)
    assert [] == await examine(of.here, later=False)
    for repair in (False, True):
        [found] = await examine(of.here, repair=repair)
        assert (FindingKind.BATCH_UNFINISHED, FindingOutcome.REPAIRABLE) == (
            found.kind,
            found.outcome,
        )
    assert BatchState.READY is (await create(of.here, "b2", **wanted)).state
    assert [] == await examine(of.here)


@pytest.mark.parametrize("tamper", [plan_left, orphan])
async def test_what_is_young_is_left_alone(of: Scene, tamper: Tamper) -> None:
    """What was written within the hour may yet be named: it is named as left an hour later."""
    await tamper(of)
    assert [] == await examine(of.here, repair=True, later=False)
    assert 1 == len(await examine(of.here))


async def test_two_doctors_mend_a_counter_once(of: Scene) -> None:
    """Of several that found the same difference one makes up for it."""
    await status_miscounted(of)
    await asyncio.gather(*(examine(of.here, repair=True) for _ in range(3)))
    assert [] == await examine(of.here)
    counter = status_counter(DATASET, Status.REVIEWED)
    assert {counter: 3} == await of.stores.ledger.counters(NAME.project, [counter])


async def test_an_unknown_project_is_not_found(of: Scene) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(of.here.curation, ProjectName("none"), repair=False):
            pass


async def test_an_examination_leaves_what_is_appended_again_alone(of: Scene) -> None:
    """Frames that are well are unchanged when they come again, also after a repair."""
    before = await state(of)
    await examine(of.here, repair=True)
    await append_all(of.here)
    assert before == await state(of)
