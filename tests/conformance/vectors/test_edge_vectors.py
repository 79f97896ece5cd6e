"""What the embedded store promises beyond the suite: crashes, locks, full disks, failures."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from uuid import UUID

import pytest

from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind
from sluice.errors import DataLoss, FailedPrecondition, ResourceExhausted, Unavailable
from tests.conformance.vectors.points import FRAMES, bits, pick, random_points

SAMPLES = Collection(Kind.SAMPLES, FRAMES.space)

WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from services.vectors.edge.vectors import EdgeVectors
from tests.conformance.vectors.points import FRAMES, random_points

async def main():
    store = await EdgeVectors.open(Path(sys.argv[1]))
    for batch in itertools.count(int(sys.argv[2])):
        await store.write(FRAMES, "t", random_points(60, name=f"batch {batch}", seed=batch))
        print(batch, flush=True)

asyncio.run(main())
"""


def inside(root: Path, pattern: str) -> list[Path]:
    """The paths under the folder that match the pattern."""
    return list(root.glob(pattern))


async def killed_writer(root: Path, *, first: int, acknowledged: int) -> None:
    """Write batches from the first on, in another process; kill -9 it after so many returned."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(root), str(first), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    for batch in range(first, first + acknowledged):
        assert f"{batch}\n".encode() == await writer.stdout.readline()
    writer.kill()
    await writer.wait()


async def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After kill -9, time and again, every write that returned is there, and no half points."""
    expected: dict[UUID, tuple[bytes, str]] = {}
    for number, acknowledged in enumerate((1, 4, 2, 7, 3)):
        first = 100 * number
        await killed_writer(tmp_path, first=first, acknowledged=acknowledged)
        batches = range(first, first + acknowledged + 50)
        written = [bits(random_points(60, name=f"batch {b}", seed=b)) for b in batches]
        for batch in written[:acknowledged]:
            expected |= batch

        store = await EdgeVectors.open(tmp_path)
        read = bits(await store.read(FRAMES, "t"))
        assert expected.items() <= read.items()
        for batch in written[acknowledged:]:
            expected |= {point: batch[point] for point in batch.keys() & read.keys()}
        assert expected == read
        await store.close()


async def test_a_folder_is_open_once(tmp_path: Path) -> None:
    """A second store on the folder is refused and disturbs nothing; after close it may open."""
    points = random_points(3, name="a")
    first = await EdgeVectors.open(tmp_path)
    with pytest.raises(FailedPrecondition, match="already open"):
        await EdgeVectors.open(tmp_path)
    await first.write(FRAMES, "t", points)
    await first.close()

    second = await EdgeVectors.open(tmp_path)
    assert bits(points) == bits(await second.read(FRAMES, "t"))
    await second.close()


async def test_another_process_holds_the_folder(tmp_path: Path) -> None:
    """A folder is refused while another process has it open."""
    program = """
import asyncio, sys
from pathlib import Path
from services.vectors.edge.vectors import EdgeVectors

async def main():
    await EdgeVectors.open(Path(sys.argv[1]))
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert b"open\n" == await holder.stdout.readline()
    with pytest.raises(FailedPrecondition, match="already open"):
        await EdgeVectors.open(tmp_path)
    await holder.communicate(b"")  # ends its input

    await (await EdgeVectors.open(tmp_path)).close()


async def test_calls_under_way_end_before_closing(tmp_path: Path) -> None:
    """Closing waits for the writes that were begun; later calls are Unavailable."""
    points = random_points(500, name="a")
    store = await EdgeVectors.open(tmp_path)
    writes = [
        asyncio.create_task(
            store.write(FRAMES, f"t{k}", pick(points, range(k * 100, k * 100 + 100)))
        )
        for k in range(5)
    ]
    await asyncio.sleep(0)  # lets every write begin
    await store.close()
    await store.close()
    await asyncio.gather(*writes)
    with pytest.raises(Unavailable, match="closed"):
        await store.count(FRAMES, "t0")

    opened = await EdgeVectors.open(tmp_path)
    assert [100] * 5 == [await opened.count(FRAMES, f"t{k}") for k in range(5)]
    await opened.close()


async def test_opening_drops_deleted_points_and_keeps_the_rest(tmp_path: Path) -> None:
    """After most points were deleted, opening rewrites the shard with what is left, unchanged."""
    points = random_points(3_000, name="a")
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "gone", pick(points, range(2_000)))
    await store.write(FRAMES, "kept", pick(points, range(2_000, 3_000)))
    await store.delete_tenant(FRAMES, "gone")
    await store.close()
    before = inside(tmp_path, "*/engine/segments/*")

    opened = await EdgeVectors.open(tmp_path)
    assert bits(pick(points, range(2_000, 3_000))) == bits(await opened.read(FRAMES, "kept"))
    assert 0 == await opened.count(FRAMES, "gone")
    await opened.write(FRAMES, "gone", pick(points, range(10)))
    assert 10 == await opened.count(FRAMES, "gone")
    await opened.close()
    assert set(before).isdisjoint(inside(tmp_path, "*/engine/segments/*"))


async def test_a_creation_cut_off_is_forgotten(tmp_path: Path) -> None:
    """What a process left that died while it made a collection is removed and made anew."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (folder,) = inside(tmp_path, "*/")
    (folder / "collection.json").unlink()
    folder.rename(folder.with_suffix(".new"))

    opened = await EdgeVectors.open(tmp_path)
    assert 0 == await opened.count(FRAMES, "t")
    await opened.write(FRAMES, "t", random_points(2, name="a"))
    assert 2 == await opened.count(FRAMES, "t")
    assert [folder] == inside(tmp_path, "*/")
    await opened.close()


async def test_a_folder_says_what_it_holds(tmp_path: Path) -> None:
    """Beside each shard lies a text that names its collection; without it, opening is DataLoss."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (description,) = inside(tmp_path, "*/collection.json")
    text = description.read_text()
    assert all(word in text for word in ("frames", "resnet", "8"))

    for damaged in (text.replace("resnet", "resnot"), text[:20]):
        description.write_text(damaged)
        with pytest.raises(DataLoss, match=r"collection\.json"):
            await EdgeVectors.open(tmp_path)
    description.unlink()
    with pytest.raises(DataLoss, match=r"collection\.json"):
        await EdgeVectors.open(tmp_path)


async def test_an_almost_full_disk_is_read_only(tmp_path: Path) -> None:
    """With too little disk left, writes are ResourceExhausted, and reads and deletes go on."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()

    full = await EdgeVectors.open(tmp_path, min_free_bytes=2**62)
    for collection in (FRAMES, SAMPLES):
        with pytest.raises(ResourceExhausted, match=str(2**62)):
            await full.write(collection, "t", random_points(3, name="b"))
    assert 3 == await full.count(FRAMES, "t")
    await full.delete_tenant(FRAMES, "t")
    assert 0 == await full.count(FRAMES, "t")
    await full.close()


async def test_a_failure_of_the_engine_is_unavailable(tmp_path: Path) -> None:
    """What the engine fails on is Unavailable with its cause, and leaves the folder unlocked."""
    store = await EdgeVectors.open(tmp_path)
    await store.write(FRAMES, "t", random_points(3, name="a"))
    await store.close()
    (segment,) = inside(tmp_path, "*/engine/segments/*/segment.json")
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
    for log in inside(tmp_path / "copy", "*/engine/wal/*"):
        log.unlink()

    copy = await EdgeVectors.open(tmp_path / "copy")
    assert bits(pick(points, range(2, 5))) == bits(await copy.read(FRAMES, "t"))
    await copy.close()
