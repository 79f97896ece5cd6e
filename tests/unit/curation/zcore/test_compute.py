"""ZCore scores in a field: whose they are, what is written, and what batches make of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.curation.batches.projection import RECOVERY_HINT, read_projected
from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import Filter
from services.curation.datasets.new_frames import AppendRequest
from services.curation.datasets.points import frames_collection, tenant_of
from services.curation.datasets.updates import FieldChange, set_fields, tag_frames
from services.curation.selection.pool import CoverageMethod
from services.curation.selection.zcore import zcore_scores
from services.curation.zcore import compute
from services.curation.zcore.compute import Computation, ZcoreProgress, ZcoreRequest, ZcoreStage
from services.curation.zcore.score_process import ZcoreSettings
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.labels import Box2D, Label
from sluice.tensors import Embeddings
from tests.unit.curation.batches.helpers import (
    CommitHookLedger,
    ScanHookLedger,
    create,
    frames,
    picks,
    scenes,
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

SETTINGS = ZcoreSettings(seed=3, draws=500, neighbours=5)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """A world with twenty groups of two slices each."""
    async with open_harness(tmp_path) as found:
        await found.append(*scenes(20))
        yield found


async def score(harness: DatasetHarness, **wanted: Any) -> list[ZcoreProgress]:
    """Compute scores; all that is said meanwhile."""
    computation = Computation(harness.curation, asyncio.Lock())
    asked = ZcoreRequest(**{"settings": SETTINGS} | wanted)
    return [each async for each in computation.compute(NAME, asked)]


async def stored(harness: DatasetHarness, name: str = "zcore") -> dict[str, Any]:
    """What frames have in a field, by their ids; those without it are left out."""
    rows = [known.row for known in await frames(harness)]
    return {row.id: row.fields[name] for row in rows if name in row.fields}


async def plain(harness: DatasetHarness, *ids: str) -> dict[str, float]:
    """The scores of frames of one embedding each, in the basis of all of these."""
    rows = {known.row.id: known.row for known in await frames(harness)}
    points = b"".join(rows[id].vectors[0].point for id in ids)
    space = (await read_dataset_frames(harness.curation.stores, NAME)).record
    places = await read_projected(harness.curation.stores, NAME, space, points, seed=SETTINGS.seed)
    scores = zcore_scores(places.rows, seed=3, draws=500, neighbours=5)
    return dict(zip(ids, scores.tolist(), strict=True))


async def test_all_frames_with_embeddings_have_their_score(harness: DatasetHarness) -> None:
    """Scores are those of the embeddings in the basis; frames without any have none."""
    await append_frames(harness.curation, NAME, AppendRequest([frame("bare")], None))
    said = await score(harness)
    ids = [known.row.id for known in await frames(harness) if known.row.id != "bare"]

    assert await plain(harness, *ids) == await stored(harness)
    assert ZcoreProgress(ZcoreStage.DONE, 40, 40, scored=40, changed=40) == said[-1]
    assert list(ZcoreStage) == list(dict.fromkeys(each.stage for each in said))
    assert [41, 41] == [next(e for e in said if e.stage is ZcoreStage.LISTING).total, said[1].done]


async def test_again_it_writes_nothing(harness: DatasetHarness) -> None:
    """What has its score is not written again; what is new changes the scores of all it touches."""
    await score(harness)
    before = await frames(harness)
    again = await score(harness)
    other = await score(harness, settings=ZcoreSettings(seed=4, draws=500, neighbours=5))

    assert (40, 0) == (again[-1].scored, again[-1].changed)
    assert 40 == other[-1].changed
    await score(harness)
    assert before == await frames(harness)


async def test_only_what_changes_is_written(harness: DatasetHarness) -> None:
    """Of frames one of which somebody has given another value, this one is written."""
    await score(harness)
    expected = await stored(harness)
    await set_fields(harness.curation, ONCE, NAME, {"3-left": FieldChange({"zcore": "none"})})

    assert 1 == (await score(harness))[-1].changed
    assert expected == await stored(harness)


async def test_the_largest_of_several_counts(harness: DatasetHarness) -> None:
    """A frame with crops has the largest score of all its embeddings."""
    place = Box2D(left=0, top=0, width=1, height=1)
    boxes = [Label(id=f"b{number}", class_name="car", shape=place) for number in range(3)]
    rows = np.stack([vector(f"crop {number}") for number in range(4)])
    crops = Embeddings("m", rows, np.zeros(4, np.intp), ["", *(box.id for box in boxes)])
    await append_frames(harness.curation, NAME, AppendRequest([frame("x", *boxes)], crops))
    await score(harness)

    points = b"".join(v.point for known in await frames(harness) for v in known.row.vectors)
    space = (await read_dataset_frames(harness.curation.stores, NAME)).record
    places = await read_projected(harness.curation.stores, NAME, space, points, seed=SETTINGS.seed)
    scores = zcore_scores(places.rows, seed=3, draws=500, neighbours=5)
    assert 44 == len(scores)
    assert scores[40:].max() == (await stored(harness))["x"]
    assert scores[39] == (await stored(harness))["19-right"]


async def test_a_filter_says_whose_scores(harness: DatasetHarness) -> None:
    """Frames that do not pass are no part of it, and keep what they have."""
    some = [f"{number}-left" for number in range(12)]
    await tag_frames(harness.curation, ONCE, NAME, some, ["mine"], [])
    await set_fields(harness.curation, ONCE, NAME, {"15-left": FieldChange({"own": 7})})
    said = await score(harness, frames=Filter(tags=("mine",)), target_field="own")

    assert await plain(harness, *some) | {"15-left": 7} == await stored(harness, "own")
    assert "A basis needs 32 embeddings and there are 12: cosines are plain." in said[-1].notes
    assert {} == await stored(harness)


async def test_the_first_embeddings_may_come_meanwhile(tmp_path: Path) -> None:
    """A dataset whose first embeddings come while it is listed has their scores."""
    async with open_harness(tmp_path) as harness:
        await append_frames(harness.curation, NAME, AppendRequest([frame("bare")], None))
        ledger = ScanHookLedger(
            harness.curation.stores.ledger, lambda: harness.append("first", "second")
        )
        said = await score(harness.with_stores(ledger=ledger))

        assert 2 == said[-1].scored


async def test_lost_embeddings_have_no_score(harness: DatasetHarness) -> None:
    """A frame whose embedding is lost stays as it is, and that is said."""
    lost = next(known.row for known in await frames(harness))
    collection = frames_collection(NAME.project, "m", DIMENSION)
    ids = [UUID(bytes=lost.vectors[0].point)]
    await harness.curation.stores.vectors.delete(collection, tenant_of(NAME), ids)
    said = await score(harness)

    assert (39, 39) == (said[-1].scored, said[-1].changed)
    assert f"1 embeddings are lost: {RECOVERY_HINT}." in said[-1].notes
    assert lost.id not in await stored(harness)


async def test_what_others_say_meanwhile_stays(harness: DatasetHarness) -> None:
    """Fields that a frame gets while its score is stored are not lost."""
    beside = CommitHookLedger(
        harness.curation.stores.ledger,
        lambda _: True,
        lambda: set_fields(harness.curation, ONCE, NAME, {"0-left": FieldChange({"night": True})}),
        before=True,
    )
    await score(harness.with_stores(ledger=beside))

    [row] = [known.row for known in await frames(harness) if known.row.id == "0-left"]
    assert {"night", "zcore"} == set(row.fields)


async def test_a_frame_without_room_is_named(harness: DatasetHarness) -> None:
    """Where a frame has no room for one field more, that is said before anything is computed."""
    full: dict[str, Any] = {f"f{number}": number for number in range(64)}
    await set_fields(harness.curation, ONCE, NAME, {"7-left": FieldChange(full)})

    with pytest.raises(InvalidArgument, match="'7-left'"):
        await score(harness)
    assert {} == await stored(harness)


async def test_nothing_to_score_is_said(harness: DatasetHarness) -> None:
    """A filter that no frame with an embedding passes is refused."""
    with pytest.raises(FailedPrecondition, match="none of the selected frames has an embedding"):
        await score(harness, frames=Filter(tags=("none",)))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"settings": ZcoreSettings(draws=2_000_000)}, "draws: 2000000 is not in 1…1,000,000"),
        ({"settings": ZcoreSettings(neighbours=20_000)}, "neighbours: 20000 is not in 1…10,000"),
        ({"target_field": "x" * 300}, "field: "),
    ],
    ids=["draws", "neighbours", "field"],
)
async def test_what_is_wrong_is_named(
    harness: DatasetHarness, wanted: dict[str, Any], said: str
) -> None:
    """Settings out of range are refused by their names."""
    with pytest.raises(InvalidArgument) as refused:
        await score(harness, **wanted)
    assert refused.value.message.startswith(said)


async def test_one_at_a_time(harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second computation waits until the first one has ended, however that ends."""
    monkeypatch.setattr(compute, "AT_ONCE_MAX", 10)
    computation = Computation(harness.curation, asyncio.Lock())
    first = computation.compute(NAME, ZcoreRequest(settings=SETTINGS))
    second = computation.compute(NAME, ZcoreRequest(settings=SETTINGS))
    assert [ZcoreStage.WAITING, ZcoreStage.LISTING] == [
        (await anext(first)).stage for _ in range(2)
    ]
    assert ZcoreStage.WAITING is (await anext(second)).stage
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await first.aclose()  # type: ignore[attr-defined]

    assert ZcoreStage.LISTING is (await waiting).stage
    assert ZcoreStage.DONE is [each async for each in second][-1].stage


async def zcore_batch(
    harness: DatasetHarness, id: str = "b1", **wanted: Any
) -> tuple[list[str], list[str]]:
    """The groups of a batch of four by ZCore, and its notes on scores."""
    wanted = {"zcore_draws": 500, "seed": 9} | wanted
    made = await create(harness, id, count=4, coverage=CoverageMethod.ZCORE, **wanted)
    notes = [note for note in made.notes if "ZCore" in note]
    return [pick.group for pick in await picks(harness, id)], notes


async def test_a_batch_takes_stored_scores(harness: DatasetHarness) -> None:
    """Where all that remains has a score, the groups of the largest are picked, and it is said."""
    worth = {f"{n}-{side}": float(n % 7) for n in range(20) for side in ("left", "right")}
    worth["5-right"] = 9
    changes = {id: FieldChange({"worth": score}) for id, score in worth.items()}
    await set_fields(harness.curation, ONCE, NAME, changes)

    assert (
        ["g5", "g6", "g13", "g12"],
        ["ZCore scores are those stored in field 'worth'."],
    ) == await zcore_batch(harness, zcore_field="worth")


@pytest.mark.parametrize("value", [None, "high", True])
async def test_a_batch_computes_scores_where_some_are_missing(
    harness: DatasetHarness, tmp_path: Path, value: Any
) -> None:
    """One frame without a number is enough, and it is said."""
    (tmp_path / "other").mkdir()
    async with open_harness(tmp_path / "other") as other:
        await other.append(*scenes(20))
        expected, _ = await zcore_batch(other)
    await score(harness)
    change = FieldChange(remove=("zcore",)) if value is None else FieldChange({"zcore": value})
    await set_fields(harness.curation, ONCE, NAME, {"7-left": change})

    said = "ZCore scores were computed: 1 of 40 frames that remain have none in field 'zcore'."
    assert (expected, [said]) == await zcore_batch(harness)


async def test_frames_that_do_not_remain_need_no_score(harness: DatasetHarness) -> None:
    """What is selected already, and what has no embedding, has no say in which scores count."""
    await score(harness)
    await append_frames(harness.curation, NAME, AppendRequest([frame("bare")], None))
    first, _ = await zcore_batch(harness)
    await set_fields(
        harness.curation, ONCE, NAME, {f"{first[0][1:]}-left": FieldChange(remove=("zcore",))}
    )

    assert ["ZCore scores are those stored in field 'zcore'."] == (
        await zcore_batch(harness, "b2")
    )[1]
