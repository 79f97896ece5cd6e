"""The doctor of curation reports every difference and nothing else, and repairs it for good."""

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
from services.curation.golden.gate import read_gate
from services.curation.golden.golden_checks import get_check
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
    append_crops,
    append_frames_of_all_kinds,
    examine,
)
from tests.unit.curation.doctor.tampering import (
    BATCH,
    DATASET,
    GOLDEN,
    LOST,
    REPAIRABLE,
    Tamper,
    add_orphan,
    delete_crop_point,
    delete_document,
    delete_newest,
    leave_plan,
    miscount_status,
    swap_document,
    swap_points,
)

ALL = read_page(100, "", "test")


async def read_frames(scene: Scene) -> list[tuple[DatasetFrame, bytes]]:
    """All frames, with the embeddings of their part of the stream."""
    parts = stream_frames(scene.harness.curation, NAME, EVERYTHING, with_embeddings=True)
    return [
        (frame, part.embeddings.vectors.tobytes() if part.embeddings else b"")
        async for part in parts
        for frame in part.frames
    ]


async def count_points(scene: Scene) -> dict[str, int]:
    """The number of points by dataset."""
    vectors = scene.stores.vectors
    return {tenant: await vectors.count(FRAMES, tenant) for tenant in await vectors.tenants(FRAMES)}


async def read_state(scene: Scene) -> tuple[object, ...]:
    """What users see of the dataset, and its number of points."""
    curation, stores = scene.harness.curation, scene.stores
    return (
        await read_frames(scene),
        await count_points(scene),
        await count_frames(curation, NAME),
        await get_round(curation, ROUND),
        await list_batches(curation, NAME, ALL),
        await list_picks(curation, BATCH, ALL),
        await list_views(curation, NAME, ALL),
        await get_check(stores, check_name(GOLDEN, scene.check.key)),
        (await read_gate(stores, NAME)).reason,
        await stores.ledger.scan(NAME.project, "batch-plan/", limit=1),
    )


@pytest.mark.parametrize("later", [False, True])
async def test_a_healthy_project_has_no_findings(scene: Scene, later: bool) -> None:
    """After work of every kind, also with replaced embeddings, nothing differs, now and later."""
    await scene.harness.append("plain", seed=1)
    await scene.harness.append("plain", seed=2)
    await create(scene.harness, "b2", count=2, golden_override="a test")
    assert [] == await examine(scene.harness, later=later)
    assert [] == await examine(scene.harness, repair=True, later=later)


@pytest.mark.parametrize(("tamper", "kind", "subject"), REPAIRABLE)
async def test_a_difference_is_reported_and_repaired(
    scene: Scene, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It is the only finding; without repair nothing changes; a repair restores the state."""
    before = await read_state(scene)
    await tamper(scene)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [finding] = await examine(scene.harness, repair=repair)
        assert (kind, outcome) == (finding.kind, finding.outcome), finding
        assert finding.subject.startswith(subject)
    assert [] == await examine(scene.harness)
    assert before == await read_state(scene)
    assert 1 == (await scene.harness.append("new")).added_count
    assert [] == await examine(scene.harness)


@pytest.mark.parametrize(("tamper", "kind", "subject"), LOST)
async def test_a_loss_is_reported(
    scene: Scene, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """It is reported as lost, with and without repair, every time, and nothing is deleted."""
    before = await count_points(scene)
    await tamper(scene)
    if tamper is delete_crop_point:
        before[TENANT] -= 1
    for repair in (False, True, False):
        [finding] = await examine(scene.harness, repair=repair)
        assert (kind, FindingOutcome.LOST) == (finding.kind, finding.outcome), finding
        assert finding.subject.startswith(subject)
    assert before == await count_points(scene)


@pytest.mark.parametrize("tamper", [delete_crop_point, swap_points, delete_document, swap_document])
async def test_a_loss_says_how_to_recover(scene: Scene, tamper: Tamper) -> None:
    """A repair must note it first; after that, appending the frame again is enough."""
    await tamper(scene)
    actuals = [
        (await examine(scene.harness, repair=repair))[0].actual for repair in (False, True, False)
    ]

    assert ["repair, then append the frame again", *["append the frame again"] * 2] == [
        actual.partition(": ")[2] for actual in actuals
    ]


@pytest.mark.parametrize("tamper", [delete_crop_point, swap_points, delete_document, swap_document])
async def test_appending_again_after_a_repair_recovers(scene: Scene, tamper: Tamper) -> None:
    """The call that appended a lost embedding or document restores it."""
    before, points_before = await read_frames(scene), await count_points(scene)
    await tamper(scene)
    await examine(scene.harness, repair=True)
    await append_crops(scene.harness)
    assert [] == await examine(scene.harness)
    frames_after = await read_frames(scene)
    assert [(frame.frame, vectors) for frame, vectors in before] == [
        (frame.frame, vectors) for frame, vectors in frames_after
    ]
    assert points_before == await count_points(scene)


async def test_a_counter_finding_has_both_numbers(scene: Scene) -> None:
    """It has the number of groups, and the value of the counter."""
    await miscount_status(scene)
    [finding] = await examine(scene.harness)
    assert ("3", "5") == (finding.expected, finding.actual)


async def test_a_lost_group_is_created_again(scene: Scene) -> None:
    """It gets its frames and is unlabelled, and the counters of groups follow."""
    await scene.write(group_key(DATASET, "g1"))
    kinds = {finding.kind for finding in await examine(scene.harness)}
    assert {FindingKind.FRAME_GROUP, FindingKind.COUNTER} == kinds
    finding = await examine(scene.harness, repair=True)
    assert {FindingOutcome.REPAIRED} == {finding.outcome for finding in finding}
    assert [] == await examine(scene.harness)
    group = await scene.read(group_key(DATASET, "g1"), Group)
    assert (("1-left", "1-right"), Status.UNLABELLED) == (group.frames, group.status)
    counts = await count_frames(scene.harness.curation, NAME)
    assert (14, 2) == (counts.groups, counts.by_status[Status.REVIEWED])


async def test_a_gate_that_was_open_by_mistake_is_closed(scene: Scene) -> None:
    """After the repair, a failed check that nothing named blocks the next batch again."""
    await delete_newest(scene)
    await create(scene.harness, "b2", count=1)
    await examine(scene.harness, repair=True)
    with pytest.raises(errors.FailedPrecondition):
        await create(scene.harness, "b3", count=1)


async def test_an_unfinished_batch_is_reported_and_finished_by_its_request(scene: Scene) -> None:
    """A repair leaves it; the same CreateBatch continues it, and then nothing differs."""
    request = {"count": 3, "golden_override": "a test"}
    with pytest.raises(errors.Unavailable):
        await create(
            scene.harness.with_stores(ledger=DyingLedger(scene.stores.ledger, 2)), "b2", **request
        )
    assert [] == await examine(scene.harness, later=False)
    for repair in (False, True):
        [finding] = await examine(scene.harness, repair=repair)
        assert (FindingKind.BATCH_UNFINISHED, FindingOutcome.REPAIRABLE) == (
            finding.kind,
            finding.outcome,
        )
    assert BatchState.READY is (await create(scene.harness, "b2", **request)).state
    assert [] == await examine(scene.harness)


@pytest.mark.parametrize("tamper", [leave_plan, add_orphan])
async def test_a_young_leftover_is_left_alone(scene: Scene, tamper: Tamper) -> None:
    """What was written within the hour may still be named; an hour later it is reported."""
    await tamper(scene)
    assert [] == await examine(scene.harness, repair=True, later=False)
    assert 1 == len(await examine(scene.harness))


async def test_concurrent_doctors_repair_a_counter_once(scene: Scene) -> None:
    """Of several that report the same difference, one repairs it."""
    await miscount_status(scene)
    await asyncio.gather(*(examine(scene.harness, repair=True) for _ in range(3)))
    assert [] == await examine(scene.harness)
    counter = status_counter(DATASET, Status.REVIEWED)
    assert {counter: 3} == await scene.stores.ledger.counters(NAME.project, [counter])


async def test_an_unknown_project_is_not_found(scene: Scene) -> None:
    """A project that does not exist is NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in diagnose(scene.harness.curation, ProjectName("none"), repair=False):
            pass


async def test_frames_appended_again_are_unchanged_after_a_repair(scene: Scene) -> None:
    """A repair without findings marks no frame for rewriting."""
    before = await read_state(scene)
    await examine(scene.harness, repair=True)
    await append_frames_of_all_kinds(scene.harness)
    assert before == await read_state(scene)
