"""Every test of this folder that asks for `blobs` runs against each of `STORES`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from services.blobs.filesystem import FilesystemBlobs
from services.blobs.folder import FolderBlobs
from services.blobs.interface import Blobs


@dataclass(frozen=True, slots=True)
class StoreUnderTest:
    """A store to be tested, and what a test may do to it from outside."""

    open: Callable[[], Blobs]
    """Opens one and the same store once more."""
    damage: Callable[[str], None]
    """Flips a bit of the content of that digest, behind the store's back."""


def damage_below(path: Path, digest: str) -> None:
    """Flip a bit of the file of that digest."""
    (file,) = path.rglob(digest)
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])


@asynccontextmanager
async def folder(path: Path) -> AsyncIterator[StoreUnderTest]:
    """A new store in a folder."""
    yield StoreUnderTest(lambda: FolderBlobs(path), partial(damage_below, path))


@asynccontextmanager
async def filesystem(path: Path) -> AsyncIterator[StoreUnderTest]:
    """A new store below an fsspec URL, of the file system that is at hand."""
    yield StoreUnderTest(lambda: FilesystemBlobs(f"local://{path}"), partial(damage_below, path))


STORES: list[Callable[[Path], AbstractAsyncContextManager[StoreUnderTest]]] = [
    folder,
    filesystem,
]


@pytest.fixture(params=STORES, ids=lambda store: store.__name__)
async def store_under_test(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StoreUnderTest]:
    """Each store in turn, empty."""
    store: Callable[[Path], AbstractAsyncContextManager[StoreUnderTest]] = request.param
    async with store(tmp_path / "blobs") as held:
        yield held


@pytest.fixture
def open_blobs(store_under_test: StoreUnderTest) -> Callable[[], Blobs]:
    """Opens the test's store, as often as called."""
    return store_under_test.open


@pytest.fixture
def blobs(store_under_test: StoreUnderTest) -> Blobs:
    """The test's store, opened."""
    return store_under_test.open()


@pytest.fixture
def damage(store_under_test: StoreUnderTest) -> Callable[[str], None]:
    """Flips a bit of the content of a digest, behind the store's back."""
    return store_under_test.damage
