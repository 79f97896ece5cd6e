"""The embedded vector store: crashes, its lock, closing and full disks."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import UUID

import pytest

from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind
from sluice.errors import FailedPrecondition, ResourceExhausted, Unavailable
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
