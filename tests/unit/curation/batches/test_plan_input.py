"""What batches are chosen from, and what they promise whatever a dataset holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.curation.batches import plan_input, projection
from services.curation.batches.projection import read_projected
from services.curation.batches.records import Batch, BatchState, RoundFailures, StoredPick
from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.datasets.points import frames_collection, tenant_of
from services.curation.golden.golden_checks import override_check
from services.curation.golden.records import check_name
from services.curation.records import (
    HELD_OUT,
    FailureKind,
    FrameRow,
    Group,
    Split,
    Status,
    frame_key,
    group_key,
)
from services.curation.rounds.rounds import create_round
from services.curation.selection.budget import batch_size
from services.curation.selection.facility import sample_indices
from services.curation.selection.pool import CoverageMethod, TargetedMethod
from services.ledger.interface import Transaction
from services.records.records import decode, encode
from sluice.errors import DataLoss, FailedPrecondition
from sluice.frames import Frame
from sluice.names import GoldenSetName, RoundName
from sluice.scoring import build_basis
from sluice.tensors import Embeddings
from tests.unit.curation.batches.helpers import (
    ScanHookLedger,
    create,
    fail_golden_check,
    frames,
    picks,
)
from tests.unit.curation.datasets.harness import (
    DIMENSION,
    NAME,
    ONCE,
    DatasetHarness,
    frame,
    open_harness,
    vector,
)


@asynccontextmanager
async def new_world() -> AsyncIterator[DatasetHarness]:
    """A world of its own, for each example of a property."""
    with TemporaryDirectory() as folder:
        async with open_harness(Path(folder)) as found:
            yield found


class Scene(NamedTuple):
    """A group: how many slices, what it is, whether it has embeddings, fails, and its drive."""

    slices: int
    status: Status
    split: Split
    embedded: bool
    fails: bool
    drive: int

    @property
    def remains(self) -> bool:
        """Whether a batch may pick it."""
        return self.status is Status.UNLABELLED and self.split not in HELD_OUT


scene = st.builds(
    Scene,
    st.integers(1, 3),
    st.sampled_from([Status.UNLABELLED] * 8 + list(Status)),
    st.sampled_from([Split.NONE] * 8 + list(Split)),
    st.sampled_from([True, True, True, False]),
    st.booleans(),
    st.integers(0, 12),
)
scenes_of = st.lists(scene, min_size=12, max_size=24) | st.lists(scene, min_size=1, max_size=4)
"""Most of them remain: a batch that takes all there is has no choice that a seed could change."""

wanted_of = st.fixed_dictionaries(
    {
        "count": st.integers(1, 4) | st.integers(1, 12) | st.none(),
        "fraction": st.floats(0.05, 1),
        "coverage_share": st.floats(0, 1),
        "coverage": st.sampled_from(list(CoverageMethod)),
        "targeted": st.sampled_from(list(TargetedMethod)),
        "seed": st.integers(0, 2**64 - 1),
        "zcore_draws": st.just(50),
        "failures": st.sampled_from([(), (RoundFailures(round="r1"),)]),
        "scene_field": st.sampled_from(["", "drive"]),
    }
)


async def fill(harness: DatasetHarness, scenes: list[Scene]) -> None:
    """Append groups as they are described; what fails has failed in round r1."""
    name = RoundName(NAME.project, NAME.dataset, "r1")
    await create_round(harness.curation, ONCE, name, "", Split.VALIDATION)
    for number, scene in enumerate(scenes):
        new = [
            FrameToAppend(
                Frame(id=f"{number}-{side}"), f"g{number}", str(side), {"drive": scene.drive}
            )
            for side in range(scene.slices)
        ]
        if scene.embedded:
            await harness.append(*new)
        else:
            await append_frames(harness.curation, NAME, AppendRequest(new, None))
        if scene.fails:
            await set_failed(harness, f"{number}-0", "r1")
        await change_group(harness, f"g{number}", scene.status, scene.split)


async def change_group(harness: DatasetHarness, id: str, status: Status, split: Split) -> None:
    """Give a group a status and a split, past all rules."""
    ledger, where = harness.curation.stores.ledger, group_key(NAME.dataset, id)
    found = decode(Group, (await ledger.get(NAME.project, [where]))[where])
    changed = structs.replace(found, status=status, split=split)
    await ledger.commit(Transaction(NAME.project, puts={where: encode(changed)}))


@settings(max_examples=25, deadline=None)
@given(scenes_of, wanted_of)
def test_a_batch_keeps_its_promises(scenes: list[Scene], wanted: dict[str, Any]) -> None:
    """Batch after batch: the exact budget, nothing excluded, none twice, all slices; seeded."""
    found = [asyncio.run(_checked_batches(scenes, wanted)) for _ in range(2)]

    assert found[0] == found[1]


async def _checked_batches(scenes: list[Scene], wanted: dict[str, Any]) -> list[list[StoredPick]]:
    """The picks of three batches in a new world, each of which keeps what is promised."""
    remaining = {f"g{number}" for number, scene in enumerate(scenes) if scene.remains}
    batches: list[list[StoredPick]] = []
    async with new_world() as harness:
        await fill(harness, scenes)
        for number in range(3):
            if not remaining:
                with pytest.raises(FailedPrecondition):
                    await create(harness, f"b{number}", **wanted)
                break
            made = await create(harness, f"b{number}", **wanted)
            found = await picks(harness, f"b{number}")
            _check_picks(made, found, remaining)
            await _check_marks(harness, f"b{number}", found)
            remaining -= {pick.group for pick in found}
            batches.append(found)
    return batches


def _check_picks(made: Batch, found: list[StoredPick], remaining: set[str]) -> None:
    """Exactly the budget is picked of what remained, each group once."""
    assert batch_size(made.spec.budget, len(remaining)) == len(found) == made.picked
    assert (BatchState.READY, len(remaining)) == (made.state, made.remaining)
    chosen = [pick.group for pick in found]
    assert len(chosen) == len(set(chosen))
    assert set() == set(chosen) - remaining


async def _check_marks(harness: DatasetHarness, id: str, found: list[StoredPick]) -> None:
    """All slices of the picked groups, and no others, are tagged; the groups are selected."""
    chosen = {pick.group for pick in found}
    known = await frames(harness)
    marked = {each.row.id for each in known if each.group.id in chosen}
    assert marked == {each.row.id for each in known if f"batch:{id}" in each.row.tags}
    assert marked == {frame_id for pick in found for frame_id in pick.frames}
    assert {Status.SELECTED} == {each.group.status for each in known if each.group.id in chosen}


async def set_failed(harness: DatasetHarness, frame_id: str, round_: str) -> FrameRow:
    """Say that a model has failed in a frame."""
    ledger, where = harness.curation.stores.ledger, frame_key(NAME.dataset, frame_id)
    row = decode(FrameRow, (await ledger.get(NAME.project, [where]))[where])
    failed = structs.replace(row, failures={round_: (FailureKind.MISSED,)})
    await ledger.commit(Transaction(NAME.project, puts={where: encode(failed)}))
    return failed


async def fail(harness: DatasetHarness, *frame_ids: str, round_: str = "r1") -> None:
    """Say that a model has failed in some frames, whose groups are labelled for training."""
    for frame_id in frame_ids:
        row = await set_failed(harness, frame_id, round_)
        await change_group(harness, row.group, Status.ANNOTATED, Split.TRAIN)


async def append_near(harness: DatasetHarness, centre: str, count: int) -> list[str]:
    """Append frames that are near each other, and not near duplicates."""
    ids = [f"{centre}{number}" for number in range(count)]
    rows = np.stack([vector(centre) + 0.35 * vector(id) for id in ids])
    new = AppendRequest([frame(id) for id in ids], Embeddings.of_frames("m", rows))
    await append_frames(harness.curation, NAME, new)
    return ids


async def test_what_the_model_fails_on_is_not_served(tmp_path: Path) -> None:
    """That a failure is labelled does not keep groups like it from being picked for it."""
    async with open_harness(tmp_path) as harness:
        for centre, count in (("a", 40), ("b", 40), ("f", 5)):
            await append_near(harness, centre, count)
        await fail(harness, "f0")
        failures = (RoundFailures(round="r1"),)
        made = await create_of_round(harness, failures)
        found = await picks(harness)

    assert (0, 2) == (made.coverage_count, made.targeted_count)
    assert ("f", "f0") == (found[0].group[0], found[0].failure)


async def test_a_failure_is_not_labelled_twice(tmp_path: Path) -> None:
    """A frame that repeats one the model fails on, and that has labels, is not picked for it."""
    async with open_harness(tmp_path) as harness:
        for centre, count in (("a", 40), ("f", 5)):
            await append_near(harness, centre, count)
        twins = [frame(f"twin {number}") for number in range(3)]
        rows = np.stack([vector("f") + 0.35 * vector("f0")] * len(twins))
        await append_frames(
            harness.curation, NAME, AppendRequest(twins, Embeddings.of_frames("m", rows))
        )
        await fail(harness, "f0")
        made = await create_of_round(harness, (RoundFailures(round="r1"),))
        found = await picks(harness)

    assert 2 == made.targeted_count
    assert {"f0"} == {pick.failure for pick in found}
    assert "f" == found[0].group[0]
    assert not {"twin 0", "twin 1", "twin 2"} & {pick.group for pick in found}


async def test_failures_without_embedding_are_said(harness: DatasetHarness) -> None:
    """A failing frame without embedding targets nothing, and the batch says so."""
    await append_frames(harness.curation, NAME, AppendRequest([frame("bare")], None))
    await fail(harness, "bare")
    made = await create_of_round(harness, (RoundFailures(round="r1"),))

    assert [
        "1 failing frames have no embedding: no group can target them.",
        "There are no failures: the whole batch is for coverage.",
    ] == list(made.notes)
    assert (2, 0) == (made.coverage_count, made.targeted_count)


async def test_of_many_failures_a_sample_stands_for_all(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More failing frames than are compared are sampled, by the seed, and the batch says so."""
    monkeypatch.setattr(plan_input, "FAILURES_MAX", 3)
    await fail(harness, *(f"{number}-left" for number in range(6)))
    made = await create_of_round(harness, (RoundFailures(round="r1"),))

    chosen = sample_indices(6, 0, 3).tolist()
    assert "6 failing frames: a random sample of 3 is used." in made.notes
    assert {pick.failure for pick in await picks(harness)} <= {f"{each}-left" for each in chosen}


async def test_the_first_embeddings_may_come_meanwhile(tmp_path: Path) -> None:
    """A dataset whose first embeddings come while it is read has a batch of their model."""
    async with open_harness(tmp_path) as harness:
        await append_frames(harness.curation, NAME, AppendRequest([frame("bare")], None))
        ledger = ScanHookLedger(
            harness.curation.stores.ledger, lambda: harness.append("first", "second")
        )
        made = await create(harness.with_stores(ledger=ledger), count=3)

        assert ("m", 3) == (made.model_id, made.picked)


async def create_of_round(harness: DatasetHarness, failures: tuple[RoundFailures, ...]) -> Batch:
    """Create a batch of two targeted groups; the round of the failures is there."""
    name = RoundName(NAME.project, NAME.dataset, "r1")
    await create_round(harness.curation, ONCE, name, "", Split.VALIDATION)
    return await create(harness, count=2, coverage_share=0.0, failures=failures)


async def test_a_failed_golden_check_blocks(harness: DatasetHarness) -> None:
    """A batch is refused with how to go on, and goes on with the reason, which is kept."""
    unblocked = await create(harness, "b0", count=4)
    check = await fail_golden_check(harness)
    with pytest.raises(FailedPrecondition) as refused:
        await create(harness, count=4)
    made = await create(harness, count=4, golden_override="new guideline")

    said = f"round 1 failed golden set 'g': {check.reason}"
    assert (
        f"{NAME}: {said}; to create the batch anyway, give a reason in golden_override"
        == refused.value.message
    )
    assert (said, "new guideline") == (made.golden_problem, made.spec.golden_override)
    assert "" == unblocked.golden_problem


async def test_an_overridden_check_blocks_no_batch(harness: DatasetHarness) -> None:
    """What was decided of the check itself needs no reason with the batch."""
    failed = await fail_golden_check(harness)
    check = check_name(GoldenSetName(NAME.project, NAME.dataset, "g"), failed.key)
    await override_check(harness.curation.stores, check, "new guideline", "Ada", "k")

    assert "" == (await create(harness, count=4)).golden_problem


async def test_a_batch_that_began_is_not_blocked(harness: DatasetHarness) -> None:
    """A golden check that fails later stops no batch that has its plan."""
    made = await create(harness, count=4)
    await fail_golden_check(harness)

    assert made == await create(harness, count=4)


async def lose(harness: DatasetHarness, count: int) -> None:
    """Take embeddings out of the vector store, as a hand in it might."""
    rows = [known.row for known in await frames(harness)][:count]
    ids = [UUID(bytes=row.vectors[0].point) for row in rows]
    collection = frames_collection(NAME.project, "m", DIMENSION)
    await harness.curation.stores.vectors.delete(collection, tenant_of(NAME), ids)


async def test_lost_embeddings_are_said(harness: DatasetHarness) -> None:
    """Groups whose embeddings are lost are still groups, and the batch says what to do."""
    await lose(harness, 6)
    made = await create(harness, count=40)

    assert f"6 embeddings are lost: {projection.RECOVERY_HINT}." in made.notes
    assert 40 == made.picked


async def test_most_embeddings_lost_is_an_error(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is not chosen by the few embeddings that are left of many."""
    monkeypatch.setattr(projection, "PCA_ROWS_MAX", 64)
    await lose(harness, 70)

    with pytest.raises(DataLoss, match=r"most embeddings of .* are lost"):
        await create(harness, count=4)


async def test_places_follow_from_the_rows_alone(harness: DatasetHarness) -> None:
    """Embeddings are in the basis in the order of the frames, however they are paged."""
    stores = harness.curation.stores
    rows = [known.row for known in await frames(harness)]
    points = b"".join(row.vectors[0].point for row in rows)
    space = (await read_dataset_frames(stores, NAME)).record
    whole = await read_projected(stores, NAME, space, points, seed=0)
    given = np.stack([vector(row.id) for row in rows])
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(build_basis(unit).project(unit), whole.rows, atol=1e-5)
    assert whole.present.all()
