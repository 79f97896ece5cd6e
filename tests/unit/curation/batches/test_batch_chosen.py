"""What batches are chosen from, and what they promise whatever a dataset holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.curation.batches import places
from services.curation.batches.places import read_places
from services.curation.batches.records import Batch, RoundFailures, State
from services.curation.datasets.append import append_frames, read_dataset_frames
from services.curation.datasets.appending import NewFrame, NewFrames
from services.curation.datasets.points import frames_of, tenant_of
from services.curation.golden.checks import override_check
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
from services.curation.selection.pool import CoverageMethod, TargetedMethod
from services.ledger.interface import Transaction
from services.platform.records import decode, encode
from sluice.errors import DataLoss, FailedPrecondition
from sluice.names import GoldenSetName, RoundName
from sluice.scoring import build_basis
from sluice.tensors import Embeddings
from tests.unit.curation.batches.batches import create, fail_golden_check, frames, picks
from tests.unit.curation.datasets.world import DIMENSION, NAME, ONCE, World, frame, vector, world


@asynccontextmanager
async def new_world() -> AsyncIterator[World]:
    """A world of its own, for each example of a property."""
    with TemporaryDirectory() as folder:
        async with world(Path(folder)) as found:
            yield found


groups_of = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(list(Status)),
        st.sampled_from(list(Split)),
        st.booleans(),
    ),
    min_size=1,
    max_size=24,
)
"""How many slices, the status, the split, and whether there are embeddings."""

wanted_of = st.fixed_dictionaries(
    {
        "count": st.none() | st.integers(1, 12),
        "fraction": st.floats(0.05, 1),
        "coverage_share": st.floats(0, 1),
        "coverage": st.sampled_from(list(CoverageMethod)),
        "targeted": st.sampled_from(list(TargetedMethod)),
        "seed": st.integers(0, 2**64 - 1),
        "zcore_draws": st.just(50),
    }
)


async def fill(here: World, groups: list[tuple[int, Status, Split, bool]]) -> None:
    """Append groups, each with its status and split."""
    for number, (slices, status, split, embedded) in enumerate(groups):
        new = [
            NewFrame(frame(f"{number}-{side}").frame, f"g{number}", str(side))
            for side in range(slices)
        ]
        if embedded:
            await here.append(*new)
        else:
            await append_frames(here.curation, NAME, NewFrames(new, None))
        await change_group(here, f"g{number}", status, split)


async def change_group(here: World, id: str, status: Status, split: Split) -> None:
    """Give a group a status and a split, past all rules."""
    ledger, where = here.curation.stores.ledger, group_key(NAME.dataset, id)
    found = decode(Group, (await ledger.get(NAME.project, [where]))[where])
    changed = structs.replace(found, status=status, split=split)
    await ledger.commit(Transaction(NAME.project, puts={where: encode(changed)}))


@settings(max_examples=25, deadline=None)
@given(groups_of, wanted_of)
def test_a_batch_keeps_its_promises(
    groups: list[tuple[int, Status, Split, bool]], wanted: dict[str, Any]
) -> None:
    """Batch after batch: the exact budget, no excluded group, none twice, all slices tagged."""
    remaining = {
        f"g{number}"
        for number, (_, status, split, _) in enumerate(groups)
        if status is Status.UNLABELLED and split not in HELD_OUT
    }
    asyncio.run(_check_batches(groups, wanted, remaining))


async def _check_batches(
    groups: list[tuple[int, Status, Split, bool]], wanted: dict[str, Any], remaining: set[str]
) -> None:
    async with new_world() as here:
        await fill(here, groups)
        for number in range(3):
            if not remaining:
                with pytest.raises(FailedPrecondition):
                    await create(here, f"b{number}", **wanted)
                return
            made = await create(here, f"b{number}", **wanted)
            found = await picks(here, f"b{number}")
            budget = wanted["fraction"] if wanted["count"] is None else wanted["count"]
            assert batch_size(budget, len(remaining)) == len(found)
            assert (State.READY, len(remaining)) == (made.state, made.remaining)
            chosen = {pick.group for pick in found}
            assert len(found) == len(chosen)
            assert chosen <= remaining
            remaining -= chosen
            tagged = {
                known.row.id for known in await frames(here) if f"batch:b{number}" in known.row.tags
            }
            assert tagged == {
                known.row.id for known in await frames(here) if known.group.id in chosen
            }


async def fail(here: World, *frame_ids: str, round_: str = "r1") -> None:
    """Say that a model has failed in some frames, whose groups are labelled for training."""
    ledger = here.curation.stores.ledger
    for frame_id in frame_ids:
        where = frame_key(NAME.dataset, frame_id)
        row = decode(FrameRow, (await ledger.get(NAME.project, [where]))[where])
        failed = structs.replace(row, failures={round_: (FailureKind.MISSED,)})
        await ledger.commit(Transaction(NAME.project, puts={where: encode(failed)}))
        await change_group(here, row.group, Status.ANNOTATED, Split.TRAIN)


async def append_near(here: World, centre: str, count: int) -> list[str]:
    """Append frames that are near each other, and not near duplicates."""
    ids = [f"{centre}{number}" for number in range(count)]
    rows = np.stack([vector(centre) + 0.35 * vector(id) for id in ids])
    new = NewFrames([frame(id) for id in ids], Embeddings.of_frames("m", rows))
    await append_frames(here.curation, NAME, new)
    return ids


async def test_what_the_model_fails_on_is_not_served(tmp_path: Path) -> None:
    """That a failure is labelled does not keep groups like it from being picked for it."""
    async with world(tmp_path) as here:
        for centre, count in (("a", 40), ("b", 40), ("f", 5)):
            await append_near(here, centre, count)
        await fail(here, "f0")
        failures = (RoundFailures(round="r1"),)
        made = await create_of_round(here, failures)
        found = await picks(here)

    assert (0, 2) == (made.coverage_count, made.targeted_count)
    assert ("f", "f0") == (found[0].group[0], found[0].failure)


async def test_a_failure_is_not_labelled_twice(tmp_path: Path) -> None:
    """A frame that repeats one the model fails on, and that has labels, is not picked for it."""
    async with world(tmp_path) as here:
        for centre, count in (("a", 40), ("f", 5)):
            await append_near(here, centre, count)
        twins = [frame(f"twin {number}") for number in range(3)]
        rows = np.stack([vector("f") + 0.35 * vector("f0")] * len(twins))
        await append_frames(here.curation, NAME, NewFrames(twins, Embeddings.of_frames("m", rows)))
        await fail(here, "f0")
        made = await create_of_round(here, (RoundFailures(round="r1"),))
        found = await picks(here)

    assert 2 == made.targeted_count
    assert {"f0"} == {pick.failure for pick in found}
    assert "f" == found[0].group[0]
    assert not {"twin 0", "twin 1", "twin 2"} & {pick.group for pick in found}


async def test_failures_without_embedding_are_said(here: World) -> None:
    """A failing frame without embedding targets nothing, and the batch says so."""
    await append_frames(here.curation, NAME, NewFrames([frame("bare")], None))
    await fail(here, "bare")
    made = await create_of_round(here, (RoundFailures(round="r1"),))

    assert [
        "1 failing frames have no embedding: nothing is like them.",
        "There are no failures: the whole batch is for coverage.",
    ] == list(made.notes)
    assert (2, 0) == (made.coverage_count, made.targeted_count)


async def create_of_round(here: World, failures: tuple[RoundFailures, ...]) -> Batch:
    """Create a batch of two targeted groups; the round of the failures is there."""
    name = RoundName(NAME.project, NAME.dataset, "r1")
    await create_round(here.curation, ONCE, name, "", Split.VALIDATION)
    return await create(here, count=2, coverage_share=0.0, failures=failures)


async def test_a_failed_golden_check_blocks(here: World) -> None:
    """A batch is refused with how to go on, and goes on with the reason, which is kept."""
    unblocked = await create(here, "b0", count=4)
    check = await fail_golden_check(here)
    with pytest.raises(FailedPrecondition) as refused:
        await create(here, count=4)
    made = await create(here, count=4, golden_override="new guideline")

    said = f"round 1 failed golden set 'g': {check.reason}"
    assert (
        f"{NAME}: {said}; to go on all the same, say why in golden_override"
        == refused.value.message
    )
    assert (said, "new guideline") == (made.golden_problem, made.wanted.golden_override)
    assert "" == unblocked.golden_problem


async def test_an_overridden_check_blocks_no_batch(here: World) -> None:
    """What was decided of the check itself needs no reason with the batch."""
    failed = await fail_golden_check(here)
    check = check_name(GoldenSetName(NAME.project, NAME.dataset, "g"), failed.key)
    await override_check(here.curation.stores, check, "new guideline", "Ada", "k")

    assert "" == (await create(here, count=4)).golden_problem


async def test_a_batch_that_began_is_not_blocked(here: World) -> None:
    """A golden check that fails later stops no batch that has its plan."""
    made = await create(here, count=4)
    await fail_golden_check(here)

    assert made == await create(here, count=4)


async def lose(here: World, count: int) -> None:
    """Take embeddings out of the vector store, as a hand in it might."""
    rows = [known.row for known in await frames(here)][:count]
    ids = [UUID(bytes=row.vectors[0].point) for row in rows]
    collection = frames_of(NAME.project, "m", DIMENSION)
    await here.curation.stores.vectors.delete(collection, tenant_of(NAME), ids)


async def test_lost_embeddings_are_said(here: World) -> None:
    """Groups whose embeddings are lost are still groups, and the batch says what to do."""
    await lose(here, 6)
    made = await create(here, count=40)

    assert f"6 embeddings are lost: {places.COME_BACK}." in made.notes
    assert 40 == made.picked


async def test_most_embeddings_lost_is_an_error(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is not chosen by the few embeddings that are left of many."""
    monkeypatch.setattr(places, "PCA_ROWS_MAX", 64)
    await lose(here, 70)

    with pytest.raises(DataLoss, match=r"most embeddings of .* are lost"):
        await create(here, count=4)


async def test_places_follow_from_the_rows_alone(here: World) -> None:
    """Embeddings are in the basis in the order of the frames, however they are paged."""
    stores = here.curation.stores
    rows = [known.row for known in await frames(here)]
    points = b"".join(row.vectors[0].point for row in rows)
    space = (await read_dataset_frames(stores, NAME)).record
    whole = await read_places(stores, NAME, space, (points, 0))
    given = np.stack([vector(row.id) for row in rows])
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(build_basis(unit).project(unit), whole.rows, atol=1e-5)
    assert whole.there.all()
