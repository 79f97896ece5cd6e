"""A model's file that is damaged on the server's disk is named, and costs nobody a frame."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from services.embedded.process import EmbeddedServer, serve
from services.server.settings import Settings
from sluice import errors, rpc_errors
from sluice.channel import connect as channel_to
from sluice.v1 import campaign_pb2, ingest_pb2, project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.bad_input.cases import nothing_moves, refused
from tests.rpc.ingest.logger import Logger

BASIS = campaign_pb2.GetScoringModelRequest.FILE_BASIS
MODEL = campaign_pb2.GetScoringModelRequest.FILE_MODEL

Damage = Callable[[Path], None]


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[tuple[EmbeddedServer, grpc.aio.Channel]]:
    """A server that has no file in memory yet, and a channel with the admin's key."""
    async with serve(settings) as server:
        channel = channel_to(server.target, server.admin_key)
        try:
            yield server, channel
        finally:
            await channel.close()


@pytest.fixture
async def before(settings: Settings) -> tuple[Logger, ingest_pb2.SubmitBatch, Path, Path]:
    """What a server left: a logger, a batch to submit, the files of the model and the basis."""
    async with started(settings) as (server, channel):
        await ProjectServiceStub(channel).CreateProject(
            project_pb2.CreateProjectRequest(project_id="p")
        )
        logger = Logger(channel)
        await logger.start_campaign()
        assert [ingest_pb2.VERDICT_PENDING] == (await logger.submit("h0")).verdicts.verdicts
        await logger.settled()
        batch = await logger.batch(1, "h1", "x")
        request = campaign_pb2.GetCampaignRequest(name=logger.campaign)
        version = (await logger.campaigns.GetCampaign(request)).version
        model, basis = (
            server.data_dir / "blobs" / digest[:2] / digest
            for digest in (version.model_digest, version.basis_digest)
        )
    return logger, batch, model, basis


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Lose the second half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


DAMAGES: list[Damage] = [flip, cut, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES, ids=["flipped", "cut", "gone"])
@pytest.mark.parametrize("file", [MODEL, BASIS], ids=["model", "basis"])
async def test_a_damaged_file_leaves_batches_open(
    settings: Settings,
    before: tuple[Logger, ingest_pb2.SubmitBatch, Path, Path],
    file: campaign_pb2.GetScoringModelRequest.File,
    damage: Damage,
) -> None:
    """Scoring and downloading say what is lost; a batch keeps its number, and counts once after."""
    old, batch, *files = before
    path = files[file == BASIS]
    content = path.read_bytes()
    damage(path)
    session_id = str(uuid4())
    async with started(settings) as (_, channel):
        logger = Logger(channel)
        logger.campaign, logger.issue = old.campaign, old.issue
        async with nothing_moves(logger):
            scored = await refused(logger.score(["h1"]))
            downloaded = await refused(download(logger, file))
            for _ in range(2):
                async with logger.session(session_id) as session:
                    await session.send(batch)
                    submitted = rpc_errors.from_status((await session.result()).error)
        assert (errors.DataLoss, "DIGEST_MISMATCH") == (type(scored), scored.reason)
        assert path.name == scored.metadata["digest"]
        assert (errors.DataLoss, "DIGEST_MISMATCH") == (type(downloaded), downloaded.reason)
        assert errors.Unavailable is type(submitted)
        assert submitted.retry_after_s
        assert all(path.name in error.message for error in (scored, downloaded, submitted))

        path.write_bytes(content)
        async with logger.session(session_id) as session:
            await session.send(batch)
            assert [ingest_pb2.VERDICT_PENDING] == (await session.result()).verdicts.verdicts
        funnel = await logger.settled()
        assert (3, 2) == (funnel.seen, funnel.matches)
        assert {"h0", "h1"} == {s.frame.id for s in (await logger.samples()).samples}


@pytest.mark.parametrize("damage", DAMAGES, ids=["flipped", "cut", "gone"])
async def test_a_damaged_basis_stops_a_commit_only(
    settings: Settings,
    before: tuple[Logger, ingest_pb2.SubmitBatch, Path, Path],
    damage: Damage,
) -> None:
    """A version that would rest on a damaged basis is not made; with the file back it is."""
    old, _, _, path = before
    content = path.read_bytes()
    damage(path)
    async with started(settings) as (_, channel):
        logger = Logger(channel)
        logger.campaign, logger.issue = old.campaign, old.issue
        commit = campaign_pb2.CommitVersionRequest(parent=logger.campaign)
        async with nothing_moves(logger):
            error = await refused(logger.campaigns.CommitVersion(commit))
        assert errors.DataLoss is type(error)
        assert path.name in error.message
        path.write_bytes(content)
        assert 2 == (await logger.campaigns.CommitVersion(commit)).number


async def download(logger: Logger, file: campaign_pb2.GetScoringModelRequest.File) -> bytes:
    """A file of version 1."""
    name = f"{logger.campaign}/versions/1"
    request = campaign_pb2.GetScoringModelRequest(name=name, file=file)
    return b"".join([part.data async for part in logger.campaigns.GetScoringModel(request)])
