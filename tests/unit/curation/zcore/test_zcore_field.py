"""ZCore scores in a field: whose they are, what is written, and what batches make of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.curation.batches.places import COME_BACK, read_places
from services.curation.datasets.append import append_frames, read_dataset_frames
from services.curation.datasets.appending import NewFrames
from services.curation.datasets.filters import Filter
from services.curation.datasets.marks import FieldChange, set_fields, tag_frames
from services.curation.datasets.points import frames_of, tenant_of
from services.curation.selection.pool import CoverageMethod
from services.curation.selection.zcore import zcore_scores
from services.curation.zcore import compute
from services.curation.zcore.apart import Zcore
from services.curation.zcore.compute import Computation, Progress, Stage, Wanted
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.labels import Box2D, Label
from sluice.tensors import Embeddings
from tests.unit.curation.batches.batches import Interrupted, Scanned, create, frames, picks, scenes
from tests.unit.curation.datasets.world import (
    DIMENSION,
    NAME,
    ONCE,
    World,
    frame,
    vector,
    world,
)

SETTINGS = Zcore(seed=3, draws=500, neighbours=5)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with twenty groups of two slices each."""
    async with world(tmp_path) as found:
        await found.append(*scenes(20))
        yield found


async def score(here: World, **wanted: Any) -> list[Progress]:
    """Compute scores; all that is said meanwhile."""
    computation = Computation(here.curation, asyncio.Lock())
    asked = Wanted(**{"settings": SETTINGS} | wanted)
    return [each async for each in computation.compute(NAME, asked)]


async def stored(here: World, name: str = "zcore") -> dict[str, Any]:
    """What frames have in a field, by their ids; those without it are left out."""
    rows = [known.row for known in await frames(here)]
    return {row.id: row.fields[name] for row in rows if name in row.fields}


async def plain(here: World, *ids: str) -> dict[str, float]:
    """The scores of frames of one embedding each, in the basis of all of these."""
    rows = {known.row.id: known.row for known in await frames(here)}
    points = b"".join(rows[id].vectors[0].point for id in ids)
    space = (await read_dataset_frames(here.curation.stores, NAME)).record
    places = await read_places(here.curation.stores, NAME, space, (points, SETTINGS.seed))
    scores = zcore_scores(places.rows, seed=3, draws=500, neighbours=5)
    return dict(zip(ids, scores.tolist(), strict=True))


async def test_all_frames_with_embeddings_have_their_score(here: World) -> None:
    """Scores are those of the embeddings in the basis; frames without any have none."""
    await append_frames(here.curation, NAME, NewFrames([frame("bare")], None))
    said = await score(here)
    ids = [known.row.id for known in await frames(here) if known.row.id != "bare"]

    assert await plain(here, *ids) == await stored(here)
    assert Progress(Stage.DONE, 40, 40, scored=40, changed=40) == said[-1]
    assert list(Stage) == list(dict.fromkeys(each.stage for each in said))
    assert [41, 41] == [next(e for e in said if e.stage is Stage.LISTING).total, said[1].done]


async def test_again_it_writes_nothing(here: World) -> None:
    """What has its score is not written again; what is new changes the scores of all it touches."""
    await score(here)
    before = await frames(here)
    again = await score(here)
    other = await score(here, settings=Zcore(seed=4, draws=500, neighbours=5))

    assert (40, 0) == (again[-1].scored, again[-1].changed)
    assert 40 == other[-1].changed
    await score(here)
    assert before == await frames(here)


async def test_only_what_changes_is_written(here: World) -> None:
    """Of frames one of which somebody has given another value, this one is written."""
    await score(here)
    expected = await stored(here)
    await set_fields(here.curation, ONCE, NAME, {"3-left": FieldChange({"zcore": "none"})})

    assert 1 == (await score(here))[-1].changed
    assert expected == await stored(here)


async def test_the_largest_of_several_counts(here: World) -> None:
    """A frame with crops has the largest score of all its embeddings."""
    place = Box2D(left=0, top=0, width=1, height=1)
    boxes = [Label(id=f"b{number}", class_name="car", shape=place) for number in range(3)]
    rows = np.stack([vector(f"crop {number}") for number in range(4)])
    crops = Embeddings("m", rows, np.zeros(4, np.intp), ["", *(box.id for box in boxes)])
    await append_frames(here.curation, NAME, NewFrames([frame("x", *boxes)], crops))
    await score(here)

    points = b"".join(v.point for known in await frames(here) for v in known.row.vectors)
    space = (await read_dataset_frames(here.curation.stores, NAME)).record
    places = await read_places(here.curation.stores, NAME, space, (points, SETTINGS.seed))
    scores = zcore_scores(places.rows, seed=3, draws=500, neighbours=5)
    assert 44 == len(scores)
    assert scores[40:].max() == (await stored(here))["x"]
    assert scores[39] == (await stored(here))["19-right"]


async def test_a_filter_says_whose_scores(here: World) -> None:
    """Frames that do not pass are no part of it, and keep what they have."""
    some = [f"{number}-left" for number in range(12)]
    await tag_frames(here.curation, ONCE, NAME, some, ["mine"], [])
    await set_fields(here.curation, ONCE, NAME, {"15-left": FieldChange({"own": 7})})
    said = await score(here, frames=Filter(tags=("mine",)), into="own")

    assert await plain(here, *some) | {"15-left": 7} == await stored(here, "own")
    assert "A basis takes 32 embeddings and there are 12: cosines are plain." in said[-1].notes
    assert {} == await stored(here)


async def test_the_first_embeddings_may_come_meanwhile(tmp_path: Path) -> None:
    """A dataset whose first embeddings come while it is listed has their scores."""
    async with world(tmp_path) as here:
        await append_frames(here.curation, NAME, NewFrames([frame("bare")], None))
        ledger = Scanned(here.curation.stores.ledger, lambda: here.append("first", "second"))
        said = await score(here.having(ledger=ledger))

        assert 2 == said[-1].scored


async def test_lost_embeddings_have_no_score(here: World) -> None:
    """A frame whose embedding is lost stays as it is, and that is said."""
    lost = next(known.row for known in await frames(here))
    collection = frames_of(NAME.project, "m", DIMENSION)
    ids = [UUID(bytes=lost.vectors[0].point)]
    await here.curation.stores.vectors.delete(collection, tenant_of(NAME), ids)
    said = await score(here)

    assert (39, 39) == (said[-1].scored, said[-1].changed)
    assert f"1 embeddings are lost: {COME_BACK}." in said[-1].notes
    assert lost.id not in await stored(here)


async def test_what_others_say_meanwhile_stays(here: World) -> None:
    """Fields that a frame gets while its score is stored are not lost."""
    beside = Interrupted(
        here.curation.stores.ledger,
        lambda _: True,
        lambda: set_fields(here.curation, ONCE, NAME, {"0-left": FieldChange({"night": True})}),
        before=True,
    )
    await score(here.having(ledger=beside))

    [row] = [known.row for known in await frames(here) if known.row.id == "0-left"]
    assert {"night", "zcore"} == set(row.fields)


async def test_a_frame_without_room_is_named(here: World) -> None:
    """Where a frame has no room for one field more, that is said before anything is computed."""
    full: dict[str, Any] = {f"f{number}": number for number in range(64)}
    await set_fields(here.curation, ONCE, NAME, {"7-left": FieldChange(full)})

    with pytest.raises(InvalidArgument, match="'7-left'"):
        await score(here)
    assert {} == await stored(here)


async def test_nothing_to_score_is_said(here: World) -> None:
    """A filter that no frame with an embedding passes is refused."""
    with pytest.raises(FailedPrecondition, match="none of these frames has an embedding"):
        await score(here, frames=Filter(tags=("none",)))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"settings": Zcore(draws=2_000_000)}, "draws: 2000000 is not in 1…1,000,000"),
        ({"settings": Zcore(neighbours=20_000)}, "neighbours: 20000 is not in 1…10,000"),
        ({"into": "x" * 300}, "field: "),
    ],
    ids=["draws", "neighbours", "field"],
)
async def test_what_is_wrong_is_named(here: World, wanted: dict[str, Any], said: str) -> None:
    """Settings out of range are refused by their names."""
    with pytest.raises(InvalidArgument) as refused:
        await score(here, **wanted)
    assert refused.value.message.startswith(said)


async def test_one_at_a_time(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second computation waits until the first one has ended, however that ends."""
    monkeypatch.setattr(compute, "AT_ONCE_MAX", 10)
    computation = Computation(here.curation, asyncio.Lock())
    first = computation.compute(NAME, Wanted(settings=SETTINGS))
    second = computation.compute(NAME, Wanted(settings=SETTINGS))
    assert [Stage.WAITING, Stage.LISTING] == [(await anext(first)).stage for _ in range(2)]
    assert Stage.WAITING is (await anext(second)).stage
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await first.aclose()  # type: ignore[attr-defined]

    assert Stage.LISTING is (await waiting).stage
    assert Stage.DONE is [each async for each in second][-1].stage


async def zcore_batch(here: World, id: str = "b1", **wanted: Any) -> tuple[list[str], list[str]]:
    """The groups of a batch of four by ZCore, and its notes on scores."""
    wanted = {"zcore_draws": 500, "seed": 9} | wanted
    made = await create(here, id, count=4, coverage=CoverageMethod.ZCORE, **wanted)
    notes = [note for note in made.notes if "ZCore" in note]
    return [pick.group for pick in await picks(here, id)], notes


async def test_a_batch_takes_stored_scores(here: World) -> None:
    """Where all that remains has a score, the groups of the largest are picked, and it is said."""
    worth = {f"{n}-{side}": float(n % 7) for n in range(20) for side in ("left", "right")}
    worth["5-right"] = 9
    changes = {id: FieldChange({"worth": score}) for id, score in worth.items()}
    await set_fields(here.curation, ONCE, NAME, changes)

    assert (
        ["g5", "g6", "g13", "g12"],
        ["ZCore scores are those stored in field 'worth'."],
    ) == await zcore_batch(here, zcore_field="worth")


@pytest.mark.parametrize("value", [None, "high", True])
async def test_a_batch_computes_scores_where_some_are_missing(
    here: World, tmp_path: Path, value: Any
) -> None:
    """One frame without a number is enough, and it is said."""
    (tmp_path / "other").mkdir()
    async with world(tmp_path / "other") as other:
        await other.append(*scenes(20))
        expected, _ = await zcore_batch(other)
    await score(here)
    change = FieldChange(remove=("zcore",)) if value is None else FieldChange({"zcore": value})
    await set_fields(here.curation, ONCE, NAME, {"7-left": change})

    said = "ZCore scores were computed: 1 of 40 frames that remain have none in field 'zcore'."
    assert (expected, [said]) == await zcore_batch(here)


async def test_frames_that_do_not_remain_need_no_score(here: World) -> None:
    """What is selected already, and what has no embedding, has no say in which scores count."""
    await score(here)
    await append_frames(here.curation, NAME, NewFrames([frame("bare")], None))
    first, _ = await zcore_batch(here)
    await set_fields(
        here.curation, ONCE, NAME, {f"{first[0][1:]}-left": FieldChange(remove=("zcore",))}
    )

    assert ["ZCore scores are those stored in field 'zcore'."] == (await zcore_batch(here, "b2"))[1]
