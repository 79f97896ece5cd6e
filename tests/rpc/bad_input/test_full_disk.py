"""A full disk is said clearly; nothing acknowledged is lost, and with room it all goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from services.embedded.process import EmbeddedServer
from services.ingest import background
from services.ledger.sqlite import file as sqlite_file
from services.server.settings import Settings
from sluice import errors, rpc_errors
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, ingest_pb2
from tests.rpc.bad_input.cases import nothing_moves, refused
from tests.rpc.ingest.logger import DIMENSION, MODEL, PATIENCE_S, PROJECT, Logger

PENDING = [ingest_pb2.VERDICT_PENDING]
PAGES_MAX = 2**30

Writers = list[sqlite3.Connection]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The projector tries again soon."""
    monkeypatch.setattr(background, "BACKOFF_S", 0.05)


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Writers:
    """The connections that ledgers write through, as they are opened."""
    opened: Writers = []
    connect = sqlite_file.connect_writer

    def remembered(path: Path) -> sqlite3.Connection:
        opened.append(connect(path))
        return opened[-1]

    monkeypatch.setattr(sqlite_file, "connect_writer", remembered)
    return opened


@pytest.fixture
def settings(settings: Settings, writers: Writers) -> Settings:
    """The server's settings, its ledger remembered."""
    return settings


@contextmanager
def full_ledger(writers: Writers) -> Iterator[None]:
    """The ledger's file may not grow; SQLite says so as it says that of a disk."""
    [writer] = writers
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        writer.execute(f"PRAGMA max_page_count = {PAGES_MAX}")


@contextmanager
def full_blobs(data_dir: Path) -> Iterator[None]:
    """Nothing of the blobs' folder reaches the disk."""
    sync = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(data_dir / "blobs"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        yield


@contextmanager
def full_vectors() -> Iterator[Event]:
    """The vectors' disk has less room than they need to write; set when they looked for it."""
    looked = Event()
    usage = shutil.disk_usage

    def full(path: Path) -> Any:
        looked.set()
        return usage(path)._replace(free=4_096)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", full)
        yield looked


def large(batch: ingest_pb2.SubmitBatch) -> ingest_pb2.SubmitBatch:
    """The batch, its first frame with more to say than free pages hold."""
    batch.matches[0].frame.metadata["note"].text = "x" * 60_000
    return batch


async def test_a_ledger_that_cannot_grow(logger: Logger, writers: Writers) -> None:
    """Batches are put off by their number, and count once when there is room again."""
    session_id = str(uuid4())
    async with logger.session(session_id) as session:
        await session.send(await logger.batch(1, "h1"))
        assert PENDING == (await session.result()).verdicts.verdicts
    await logger.settled()
    batch = large(await logger.batch(2, "h2", "x"))
    with full_ledger(writers):
        async with nothing_moves(logger):
            for _ in range(2):
                async with logger.session(session_id, next_seq=2) as session:
                    await session.send(batch)
                    error = rpc_errors.from_status((await session.result()).error)
                assert errors.Unavailable is type(error)
                assert "ledger: database or disk is full" == error.message
                assert error.retry_after_s
        assert ["h1"] == [s.frame.id for s in (await logger.samples()).samples]
    async with logger.session(session_id, next_seq=2) as session:
        await session.send(batch)
        assert PENDING == (await session.result()).verdicts.verdicts
    funnel = await logger.settled()
    assert (3, 2, 2) == (funnel.seen, funnel.matches, funnel.collected)


async def test_vectors_that_have_no_room(logger: Logger) -> None:
    """Batches are acknowledged and wait; elements and versions are refused until there is room."""
    commit = campaign_pb2.CommitVersionRequest(parent=logger.campaign)
    with full_vectors() as looked:
        async with nothing_moves(logger):
            for call in (logger.add("new"), logger.campaigns.CommitVersion(commit)):
                error = await refused(call)
                assert (errors.ResourceExhausted, "LIMIT_REACHED") == (type(error), error.reason)
                assert "4096 bytes of disk are free" in error.message
                assert "at least 268435456 are needed" in error.message
        looked.clear()
        assert PENDING == (await logger.submit("h1")).verdicts.verdicts
        assert await asyncio.to_thread(looked.wait, PATIENCE_S)
    assert 1 == (await logger.settled()).collected
    assert ["h1"] == [s.frame.id for s in (await logger.samples()).samples]
    # What was collected without room is compared with later: it did reach the vectors.
    twin = await logger.batch(1, "h1")
    twin.matches[0].frame.id = "twin"
    async with logger.session() as session:
        await session.send(twin)
        assert PENDING == (await session.result()).verdicts.verdicts
    assert 1 == (await logger.settled()).near_duplicate
    await logger.add("new")
    assert 2 == (await logger.campaigns.CommitVersion(commit)).number


async def test_blobs_that_have_no_room(logger: Logger, sluiced: EmbeddedServer) -> None:
    """Backgrounds, campaigns and versions are not half made; batches need no blob and go on."""
    await logger.add("new")
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "background": lambda: logger.campaigns.SetBackground(iter([background_of(2)])),
        "campaign": lambda: logger.campaigns.CreateCampaign(
            campaign_pb2.CreateCampaignRequest(
                parent=PROJECT, campaign=campaign_pb2.Campaign(issue=logger.issue)
            )
        ),
        "version": lambda: logger.campaigns.CommitVersion(
            campaign_pb2.CommitVersionRequest(parent=logger.campaign)
        ),
    }
    with full_blobs(sluiced.data_dir):
        async with nothing_moves(logger):
            for what, call in calls.items():
                error = await refused(call())
                assert errors.ResourceExhausted is type(error), what
                assert "the disk is full" in error.message
        assert PENDING == (await logger.submit("h1")).verdicts.verdicts
        assert [] == list((sluiced.data_dir / "blobs" / "tmp").iterdir())
    listed = campaign_pb2.ListCampaignsRequest(parent=PROJECT)
    assert 1 == len((await logger.campaigns.ListCampaigns(listed)).campaigns)
    for call in calls.values():
        await call()
    assert 2 == len((await logger.campaigns.ListCampaigns(listed)).campaigns)
    assert 1 == (await logger.settled()).collected


def background_of(seed: int) -> campaign_pb2.SetBackgroundRequest:
    """Another background than the space has."""
    sample = np.random.default_rng(seed).normal(size=(300, DIMENSION))
    return campaign_pb2.SetBackgroundRequest(
        parent=PROJECT, model_id=MODEL, embeddings=pack(sample)
    )
