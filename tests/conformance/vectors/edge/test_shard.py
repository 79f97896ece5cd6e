"""Shards of the embedded engine: their folders, flushes and failures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.vectors.edge.vectors import EdgeVectors
from sluice.errors import DataLoss, Unavailable
from tests.conformance.vectors.points import FRAMES, bits, pick, random_points


def list_paths(root: Path, pattern: str) -> list[Path]:
    """The paths under the folder that match the pattern."""
    return list(root.glob(pattern))


async def test_opening_drops_deleted_points_and_keeps_the_rest(tmp_path: Path) -> None:
    """After most points were deleted, opening rewrites the shard with what is left, unchanged."""
    points = random_points(3_000, name="a")
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "gone", pick(points, range(2_000)))
    await store.write(FRAMES, "kept", pick(points, range(2_000, 3_000)))
    await store.delete_tenant(FRAMES, "gone")
    await store.close()
    before = list_paths(tmp_path, "*/engine/segments/*")

    opened = await EdgeVectors.open(tmp_path)
    assert bits(pick(points, range(2_000, 3_000))) == bits(await opened.read(FRAMES, "kept"))
    assert 0 == await opened.count(FRAMES, "gone")
    await opened.write(FRAMES, "gone", pick(points, range(10)))
    assert 10 == await opened.count(FRAMES, "gone")
    await opened.close()
    assert set(before).isdisjoint(list_paths(tmp_path, "*/engine/segments/*"))


async def test_a_dropped_collection_leaves_no_files(tmp_path: Path) -> None:
    """Its folder is removed, so that no deleted bytes are left in it."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.drop(FRAMES)
    assert [tmp_path / "lock"] == list_paths(tmp_path, "*")
    await store.close()


async def test_an_interrupted_creation_is_repeated(tmp_path: Path) -> None:
    """An interrupted creation of a collection is removed and repeated."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (folder,) = list_paths(tmp_path, "*/")
    (folder / "collection.json").unlink()
    folder.rename(folder.with_suffix(".new"))

    opened = await EdgeVectors.open(tmp_path)
    assert 0 == await opened.count(FRAMES, "t")
    await opened.write(FRAMES, "t", random_points(2, name="a"))
    assert 2 == await opened.count(FRAMES, "t")
    assert [folder] == list_paths(tmp_path, "*/")
    await opened.close()


async def test_a_folder_names_its_collection(tmp_path: Path) -> None:
    """Each shard's folder has a text that names its collection; without it, opening is DataLoss."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (description,) = list_paths(tmp_path, "*/collection.json")
    text = description.read_text()
    assert all(word in text for word in ("frames", "resnet", "8"))

    for damaged in (text.replace("resnet", "resnot"), text[:20]):
        description.write_text(damaged)
        with pytest.raises(DataLoss, match=r"collection\.json"):
            await EdgeVectors.open(tmp_path)
    description.unlink()
    with pytest.raises(DataLoss, match=r"collection\.json"):
        await EdgeVectors.open(tmp_path)


async def test_a_failure_of_the_engine_is_unavailable(tmp_path: Path) -> None:
    """A failure of the engine is Unavailable with its cause, and releases the folder's lock."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (segment,) = list_paths(tmp_path, "*/engine/segments/*/segment.json")
    sound = segment.read_bytes()
    segment.write_bytes(b"{}")

    with pytest.raises(Unavailable, match="engine failed") as caught:
        await EdgeVectors.open(tmp_path)
    assert caught.value.__cause__ is not None
    assert caught.value.retry_after_s is not None

    segment.write_bytes(sound)
    opened = await EdgeVectors.open(tmp_path)
    assert 3 == await opened.count(FRAMES, "t")
    await opened.close()


async def test_a_write_is_flushed_when_it_returns(tmp_path: Path) -> None:
    """A write is in the synced data files and not only in the log, which a power cut may take."""
    points = random_points(5, name="a")
    store = await EdgeVectors.open(tmp_path / "store")
    await store.write(FRAMES, "t", points)
    await store.delete(FRAMES, "t", points.ids[:2])
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    await store.close()
    for log in list_paths(tmp_path / "copy", "*/engine/wal/*"):
        log.unlink()

    copy = await EdgeVectors.open(tmp_path / "copy")
    assert bits(pick(points, range(2, 5))) == bits(await copy.read(FRAMES, "t"))
    await copy.close()
