"""A full disk is named in the error; nothing acknowledged is lost, and with room all goes on."""

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
    """The projector retries soon."""
    monkeypatch.setattr(background, "BACKOFF_S", 0.05)


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Writers:
    """The write connections of ledgers, in the order in which they are opened."""
    connections: Writers = []
    connect = sqlite_file.connect_writer

    def connect_writer(path: Path) -> sqlite3.Connection:
        connections.append(connect(path))
        return connections[-1]

    monkeypatch.setattr(sqlite_file, "connect_writer", connect_writer)
    return connections


@pytest.fixture
def settings(settings: Settings, writers: Writers) -> Settings:
    """The server's settings; the connection of its ledger is in `writers`."""
    return settings


@contextmanager
def full_ledger(writers: Writers) -> Iterator[None]:
    """The ledger's file cannot grow; SQLite gives the same error as for a full disk."""
    [writer] = writers
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        writer.execute(f"PRAGMA max_page_count = {PAGES_MAX}")


@contextmanager
def full_blobs(data_dir: Path) -> Iterator[None]:
    """No file of the blobs' folder can be synced to the disk."""
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
    """The vectors' disk has too little room for a write; the event is set when it is checked."""
    checked = Event()
    usage = shutil.disk_usage

    def full(path: Path) -> Any:
        checked.set()
        return usage(path)._replace(free=4_096)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", full)
        yield checked


def enlarge(batch: ingest_pb2.SubmitBatch) -> ingest_pb2.SubmitBatch:
    """The batch with a first frame that is larger than the free pages."""
    batch.matches[0].frame.metadata["note"].text = "x" * 60_000
    return batch


async def test_a_ledger_that_cannot_grow(logger: Logger, writers: Writers) -> None:
    """Batches stay open under their number, and count once when there is room again."""
    session_id = str(uuid4())
    async with logger.session(session_id) as session:
        await session.send(await logger.batch(1, "h1"))
        assert PENDING == (await session.result()).verdicts.verdicts
    await logger.settled()
    batch = enlarge(await logger.batch(2, "h2", "x"))
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
    with full_vectors() as checked:
        async with nothing_moves(logger):
            for call in (logger.add("new"), logger.campaigns.CommitVersion(commit)):
                error = await refused(call)
                assert (errors.ResourceExhausted, "LIMIT_REACHED") == (type(error), error.reason)
                assert "4096 bytes of disk are free" in error.message
                assert "expected at least 268435456 for a write" in error.message
        checked.clear()
        assert PENDING == (await logger.submit("h1")).verdicts.verdicts
        assert await asyncio.to_thread(checked.wait, PATIENCE_S)
    assert 1 == (await logger.settled()).collected
    assert ["h1"] == [s.frame.id for s in (await logger.samples()).samples]
    # What was collected without room is compared with later: it did reach the vectors.
    duplicate = await logger.batch(1, "h1")
    duplicate.matches[0].frame.id = "twin"
    async with logger.session() as session:
        await session.send(duplicate)
        assert PENDING == (await session.result()).verdicts.verdicts
    assert 1 == (await logger.settled()).near_duplicate
    await logger.add("new")
    assert 2 == (await logger.campaigns.CommitVersion(commit)).number


async def test_blobs_that_have_no_room(logger: Logger, sluiced: EmbeddedServer) -> None:
    """Backgrounds, campaigns and versions are all or nothing; batches need no blob and go on."""
    await logger.add("new")
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "background": lambda: logger.campaigns.SetBackground(iter([make_background(2)])),
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


def make_background(seed: int) -> campaign_pb2.SetBackgroundRequest:
    """A background with other rows than the space has."""
    sample = np.random.default_rng(seed).normal(size=(300, DIMENSION))
    return campaign_pb2.SetBackgroundRequest(
        parent=PROJECT, model_id=MODEL, embeddings=pack(sample)
    )
