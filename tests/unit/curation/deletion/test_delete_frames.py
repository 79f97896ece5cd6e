"""A deleted frame leaves its datasets and rounds, and every other service gets its id."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest

from services.curation.datasets.append import AppendResult, append_frames
from services.curation.datasets.counts import count_frames
from services.curation.datasets.delete_frames import delete_frames
from services.curation.datasets.frames import get_frames, read_summaries
from services.curation.datasets.new_frames import AppendRequest
from services.curation.records import document_key, group_key
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.ledger.interface import Ledger
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import InvalidArgument, NotFound, Unavailable
from sluice.tensors import Embeddings
from tests.unit.campaign.faults import InterceptedStore, failing, overtaken
from tests.unit.curation.datasets.harness import (
    NAME,
    DatasetHarness,
    FakePurges,
    frame,
    named_points,
    stored_points,
    vector,
)
from tests.unit.curation.doctor.scene import PROJECT, ROUND, Scene, box, examine


async def delete(
    harness: DatasetHarness, *frame_ids: str, validate_only: bool = False
) -> DeletionCounts:
    """Delete frames."""
    return await delete_frames(harness.curation, PROJECT, frame_ids, validate_only=validate_only)


async def keys_with(ledger: Ledger, content: bytes) -> list[str]:
    """The keys of the entries that hold some bytes."""
    pages = scan_pages(ledger, NAME.project, "")
    return [entry.key async for page in pages for entry in page if content in entry.value]


async def test_a_deleted_frame_leaves_its_dataset(scene: Scene) -> None:
    """Row, document, number, points and predictions are gone, and the doctor is quiet."""
    harness, before = scene.harness, await count_frames(scene.harness.curation, NAME)
    gone = await named_points(harness, "0-left", "car")

    counts = await delete(harness, "0-left", "car")

    assert DeletionCounts(frames=2, predictions=2, samples=2, elements=2) == counts
    with pytest.raises(NotFound, match="'0-left' is not one of"):
        await get_frames(scene.stores, NAME, ["0-left"])
    assert gone.isdisjoint(await stored_points(harness))
    after = await count_frames(harness.curation, NAME)
    assert (before.frames.remaining - 2, before.groups - 1) == (
        after.frames.remaining,
        after.groups,
    )
    for later in (False, True):
        assert [] == await examine(harness, later=later)


async def test_a_group_keeps_its_other_slices(scene: Scene) -> None:
    """A scene that loses a slice stays, with its status and split."""
    before = (await read_summaries(scene.stores.ledger, NAME, ["0-right"]))["0-right"].group

    await delete(scene.harness, "0-left")

    group = (await read_summaries(scene.stores.ledger, NAME, ["0-right"]))["0-right"].group
    assert (("0-right",), before.status, before.split) == (group.frames, group.status, group.split)


async def test_the_answer_is_the_same_twice(scene: Scene) -> None:
    """A preview changes nothing, and has the answer of the deletion and of its repetition."""
    purges = scene.harness.curation.others.purges
    assert isinstance(purges, FakePurges)

    preview = await delete(scene.harness, "0-left", "x", validate_only=True)
    await get_frames(scene.stores, NAME, ["0-left"])
    assert [] == purges.purged

    assert preview == await delete(scene.harness, "0-left", "x")
    assert preview == await delete(scene.harness, "0-left", "x")
    assert ["0-left", "x"] * 2 == purges.purged


async def test_a_deleted_frame_is_not_appended_again(scene: Scene) -> None:
    """An append skips deleted frames and counts them; frames not seen yet are skipped as well."""
    await delete(scene.harness, "0-left", "later")

    result = await scene.harness.append("later", "new", frame("0-left", group="g0", slice_="left"))

    assert AppendResult(1, 0, 0, deleted_ids=("later", "0-left")) == result
    assert {"new"} == (
        await read_summaries(scene.stores.ledger, NAME, ["later", "new", "0-left"])
    ).keys()
    assert [] == await examine(scene.harness)


async def test_a_file_with_deleted_frames_is_merged(scene: Scene) -> None:
    """Errors name frames by their index in the request; a deleted one is not checked any more."""
    await scene.harness.append(frame("0-left", box("x")), "last")
    await delete(scene.harness, "0-left")
    crops = Embeddings("m", np.stack([vector("a"), vector("b")]), np.arange(2), ["x", ""])

    with pytest.raises(InvalidArgument, match=r"^frames\[1\].slice \(frame 'last'\): 'left'"):
        await scene.harness.append("0-left", frame("last", slice_="left"))
    request = AppendRequest([frame("0-left"), frame("last", box("y"))], crops)
    result = await append_frames(scene.harness.curation, NAME, request)

    assert AppendResult(0, 1, 0, deleted_ids=("0-left",)) == result
    assert [] == await examine(scene.harness)


async def test_a_file_of_deleted_frames_changes_nothing(scene: Scene) -> None:
    """If all frames of a call are deleted, it succeeds, also in a dataset without any frame."""
    await delete(scene.harness, "x", "y")
    before = await stored_points(scene.harness)

    assert AppendResult(0, 0, 0, deleted_ids=("x", "y")) == await scene.harness.append("x", "y")
    assert before == await stored_points(scene.harness)


async def test_a_deletion_overtakes_a_merge(scene: Scene) -> None:
    """A frame that is deleted after its row was read is skipped; no loss is reported."""
    await scene.harness.append("0-left", "other")
    ledger, meanwhile = scene.stores.ledger, [delete(scene.harness, "0-left")]

    async def get(real: Any, partition: str, keys: Sequence[str]) -> Any:
        if document_key(NAME.dataset, "0-left") in keys and meanwhile:
            await meanwhile.pop()
        return await real(partition, keys)

    slow = scene.harness.with_stores(ledger=InterceptedStore(ledger, "get", get))
    result = await slow.append(frame("0-left", box("x")), frame("other", box("y")))

    assert AppendResult(0, 1, 0, deleted_ids=("0-left",)) == result


async def test_a_frame_deleted_while_it_is_read_is_left_out(scene: Scene) -> None:
    """A frame without its group, which is read after it, does not exist any more."""
    ledger, meanwhile = scene.stores.ledger, [delete(scene.harness, "car")]
    [group] = [s.group.id for s in (await read_summaries(ledger, NAME, ["car"])).values()]

    async def get(real: Any, partition: str, keys: Sequence[str]) -> Any:
        if group_key(NAME.dataset, group) in keys and meanwhile:
            await meanwhile.pop()
        return await real(partition, keys)

    slow = InterceptedStore(ledger, "get", get)
    summaries = await read_summaries(cast(Ledger, slow), NAME, ["car", "0-left"])

    assert ["0-left"] == list(summaries)


async def test_numbers_are_not_used_again(scene: Scene) -> None:
    """A frame appended after the last one was deleted gets a number of its own."""
    await scene.harness.append("last")
    last = (await read_summaries(scene.stores.ledger, NAME, ["last"]))["last"].row.number
    await delete(scene.harness, "last")
    assert [] == await examine(scene.harness)

    await scene.harness.append("next")

    rows = await read_summaries(scene.stores.ledger, NAME, ["next"])
    assert last + 1 == rows["next"].row.number
    assert [] == await examine(scene.harness)


async def test_a_deletion_overtakes_an_append(scene: Scene) -> None:
    """A frame that is deleted while it is appended is skipped, and its points are deleted."""
    meanwhile = delete(scene.harness, "new")
    slow = scene.harness.with_stores(ledger=overtaken(scene.stores.ledger, "commit", meanwhile))

    result = await slow.append("new", "other")

    assert AppendResult(1, 0, 0, deleted_ids=("new",)) == result
    assert await named_points(scene.harness, "other") <= await stored_points(scene.harness)
    points = await scene.stores.vectors.collections(NAME.project)
    payloads = [
        payload
        for collection in points
        for tenant in await scene.stores.vectors.tenants(collection)
        for payload in (await scene.stores.vectors.read(collection, tenant)).payloads
    ]
    assert "new" not in [payload["frame_id"] for payload in payloads]


async def test_a_deletion_overtakes_predictions(scene: Scene) -> None:
    """Predictions of a frame that is deleted while they are imported are refused."""
    meanwhile = delete(scene.harness, "1-left")
    slow = scene.harness.with_stores(ledger=overtaken(scene.stores.ledger, "commit", meanwhile))
    predicted = [FramePredictions("1-left", (ScoredLabel(box("secret"), 0.9),))]

    with pytest.raises(NotFound, match="'1-left'"):
        await import_predictions(slow.curation, ROUND, predicted)

    assert [] == await keys_with(scene.stores.ledger, b"secret")


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("store", ["ledger.commit", "vectors.delete"])
async def test_an_interrupted_deletion_is_completed_by_the_doctor(
    scene: Scene, store: str, at: int
) -> None:
    """Wherever a deletion stops after its first step, the doctor reports and completes it."""
    name, method = store.split(".")
    broken = scene.harness.with_stores(
        **{name: failing(getattr(scene.stores, name), method, at=at)}
    )
    with suppress(Unavailable):
        await delete(broken, "0-left")
    assert [] == await examine(scene.harness, later=False)

    await examine(scene.harness, repair=True)

    assert [] == await examine(scene.harness)
    rows = await read_summaries(scene.stores.ledger, NAME, ["0-left"])
    assert ("0-left" in rows) == (store == "ledger.commit" and at == 1)


async def test_other_services_are_told_again(scene: Scene) -> None:
    """While another service is away the deletion stays pending, and the doctor completes it."""
    purges = scene.harness.curation.others.purges
    assert isinstance(purges, FakePurges)
    purges.error = Unavailable("the campaign service is away")
    with pytest.raises(Unavailable):
        await delete(scene.harness, "0-left")

    [finding] = await examine(scene.harness, repair=True)

    assert f"{PROJECT}, 1 frames: 0-left" == finding.subject
    assert ["0-left"] == purges.purged
    assert [] == await examine(scene.harness)


async def test_no_bytes_of_the_frame_remain(scene: Scene) -> None:
    """No label of it can be found in the ledger."""
    await delete(scene.harness, "car")

    assert [] == await keys_with(scene.stores.ledger, b"l1")
