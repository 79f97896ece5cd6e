"""What is wrong gets a clear answer and costs nothing: no counter moves, nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest

from sluice import errors
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, frame_pb2, ingest_pb2, issue_pb2, project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.conftest import Connect, WithScopes
from tests.rpc.ingest.logger import DIMENSION, MODEL, PROJECT, Logger, vectors_of

Batch = ingest_pb2.SubmitBatch


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a right request, and how the answer must name it."""

    what: str
    spoil: Callable[[Any], object]
    error: type[errors.SluiceError]
    reason: str
    says: str


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger whose campaign runs."""
    found = Logger(admin)
    await found.start_campaign()
    return found


@asynccontextmanager
async def nothing_moves(logger: Logger) -> AsyncIterator[None]:
    """The funnel and the issue are the same before and after."""

    async def state() -> tuple[bytes, int]:
        issue = await logger.issues.GetIssue(issue_pb2.GetIssueRequest(name=logger.issue))
        return (await logger.funnel()).SerializeToString(deterministic=True), issue.element_count

    before = await state()
    yield
    assert before == await state()


async def refused(call: Awaitable[Any]) -> errors.SluiceError:
    """The error that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return errors.from_rpc_error(raised.value)


def check(case: Case, error: errors.SluiceError) -> None:
    """The answer is of the class, has the reason, and names what is wrong."""
    assert (case.error, case.reason) == (type(error), error.reason), error
    assert case.says in error.message


def fill(batch: Batch, value: float) -> None:
    """Set the last number of the vectors, or all of them for a zero vector."""
    rows = np.frombuffer(batch.embeddings.tensor.data, "<f4").copy()
    rows[slice(None) if value == 0 else slice(-1, None)] = value
    batch.embeddings.tensor.data = rows.tobytes()


def shorten(batch: Batch) -> None:
    """Give the vectors half of their dimensions."""
    batch.embeddings.tensor.dimension = DIMENSION // 2
    batch.embeddings.tensor.data = batch.embeddings.tensor.data[: DIMENSION * 2]


def twice(batch: Batch) -> None:
    """Let the match stand twice, with a vector for each."""
    batch.matches.append(batch.matches[0])
    batch.embeddings.tensor.data *= 2


def label(batch: Batch, *ids: str, **shape: Any) -> None:
    """Give the match labels, in an image of 10 × 10 pixels."""
    frame = batch.matches[0].frame
    frame.sensors.add(sensor_id="cam", url="u", width=10, height=10)
    for label_id in ids:
        frame.labels.add(id=label_id, class_name="van", sensor_id="cam", **shape)


INVALID = errors.InvalidArgument
CLASS = {"classification_2d": frame_pb2.Classification2D()}
OUTSIDE = {"box_2d": frame_pb2.Box2D(left=5, top=5, width=6, height=1)}

SUBMIT = [
    Case("wrong dimension", shorten, INVALID, "SPACE_MISMATCH", "'m' with 32"),
    Case("NaN", lambda b: fill(b, np.nan), INVALID, "INVALID_EMBEDDING", "row 0"),
    Case("infinity", lambda b: fill(b, np.inf), INVALID, "INVALID_EMBEDDING", "row 0"),
    Case("zero vector", lambda b: fill(b, 0), INVALID, "INVALID_EMBEDDING", "row 0"),
    Case(
        "unknown space",
        lambda b: setattr(b.embeddings, "model_id", "other"),
        INVALID,
        "SPACE_MISMATCH",
        "'other'",
    ),
    Case(
        "unknown campaign",
        lambda b: setattr(b.tallies[0], "campaign", f"{PROJECT}/campaigns/none"),
        errors.NotFound,
        "NOT_FOUND",
        "none",
    ),
    Case(
        "foreign project",
        lambda b: setattr(b.tallies[0], "campaign", "projects/q/campaigns/c"),
        errors.PermissionDenied,
        "FOREIGN_PROJECT",
        "projects/q/campaigns/c",
    ),
    Case(
        "other model",
        lambda b: setattr(b.tallies[0], "model_digest", "0" * 64),
        INVALID,
        "INVALID_FIELD",
        "0" * 64,
    ),
    Case(
        "too many frames",
        lambda b: setattr(b, "seen_hashes", bytes(8 * 4_097)),
        INVALID,
        "TOO_LARGE",
        "4097",
    ),
    Case(
        "half a hash",
        lambda b: setattr(b, "seen_hashes", bytes(9)),
        INVALID,
        "INVALID_FIELD",
        "9 bytes",
    ),
    Case(
        "frames left out",
        lambda b: setattr(b, "seen_hashes", bytes(16)),
        INVALID,
        "INVALID_FIELD",
        "batch.tallies[0].count",
    ),
    Case(
        "too long an id",
        lambda b: setattr(b.matches[0].frame, "id", "x" * 257),
        INVALID,
        "TOO_LARGE",
        "batch.matches[0].frame.id",
    ),
    Case(
        "too large a document",
        lambda b: (
            b.matches[0].frame.metadata["k"].MergeFrom(frame_pb2.MetadataValue(text="x" * 70_000))
        ),
        INVALID,
        "TOO_LARGE",
        "65,536",
    ),
    Case(
        "too much metadata",
        lambda b: [
            b.matches[0].frame.metadata[str(i)].MergeFrom(frame_pb2.MetadataValue(integer=i))
            for i in range(65)
        ],
        INVALID,
        "TOO_LARGE",
        "65 pairs",
    ),
    Case(
        "too large a batch",
        lambda b: (
            b.matches[0]
            .frame.metadata["k"]
            .MergeFrom(frame_pb2.MetadataValue(text="x" * 9_000_000))
        ),
        INVALID,
        "TOO_LARGE",
        "8,388,608",
    ),
    Case("a frame twice", twice, INVALID, "INVALID_FIELD", "'h1' stands twice"),
    Case(
        "a label id twice",
        lambda b: label(b, "l", "l", **CLASS),
        INVALID,
        "INVALID_FIELD",
        "'l' stands 2 times",
    ),
    Case(
        "a box outside its image",
        lambda b: label(b, "l", **OUTSIDE),
        INVALID,
        "INVALID_FIELD",
        "10 × 10",
    ),
    Case(
        "a threshold over 1",
        lambda b: setattr(b, "threshold_override", 1.5),
        INVALID,
        "INVALID_FIELD",
        "1.5",
    ),
    Case(
        "a score that is none",
        lambda b: setattr(b.matches[0].scores[0], "score", np.nan),
        INVALID,
        "INVALID_FIELD",
        "nan",
    ),
]


@pytest.mark.parametrize("case", SUBMIT, ids=lambda case: case.what)
async def test_a_batch_that_is_wrong(logger: Logger, case: Case) -> None:
    """It is refused by its number, for good, and counts nothing; the next batch counts."""
    batch = await logger.batch(1, "h1")
    assert 1 == len(batch.matches)
    case.spoil(batch)
    async with logger.session() as session:
        async with nothing_moves(logger):
            await session.send(batch)
            result = await session.result()
            check(case, errors.from_status(result.error))
            assert 1 == result.seq
        await session.send(await logger.batch(2, "h1"))
        assert [ingest_pb2.VERDICT_PENDING] == (await session.result()).verdicts.verdicts


@pytest.mark.parametrize(
    ("seq", "content", "error", "reason", "next_seq"),
    [
        (3, "h2", errors.SequenceGap, "SEQUENCE_GAP", 2),
        (1, "h2", errors.Aborted, "REPLAY_DIFFERS", 2),
        (0, "h2", errors.InvalidArgument, "INVALID_FIELD", 2),
    ],
)
async def test_a_number_that_is_wrong(
    logger: Logger,
    seq: int,
    content: str,
    error: type[errors.SluiceError],
    reason: str,
    next_seq: int,
) -> None:
    """A gap, other content under a used number, and no number leave the session as it was."""
    name = str(uuid4())
    async with logger.session(name) as session:
        await session.send(await logger.batch(1, "h1"))
        await session.result()
        await logger.settled()
        async with nothing_moves(logger):
            await session.send(await logger.batch(seq, content))
            found = errors.from_status((await session.result()).error)
    assert (error, reason) == (type(found), found.reason)
    async with logger.session(name, next_seq=next_seq):
        pass


def adding(logger: Logger, **changes: Any) -> issue_pb2.AddElementsRequest:
    """A request that would add one element."""
    frame = frame_pb2.Frame(id="new", **changes)
    element = issue_pb2.Element(frame=frame, dataset=f"{PROJECT}/datasets/d")
    return issue_pb2.AddElementsRequest(
        issue=logger.issue, elements=[element], model_id=MODEL, embeddings=pack(vectors_of(["new"]))
    )


def relabel(request: issue_pb2.AddElementsRequest, **shape: Any) -> None:
    """Give the element a label."""
    request.elements[0].frame.labels.add(id="l", class_name="tram", **shape)


def again(request: issue_pb2.AddElementsRequest) -> None:
    """Name the element twice."""
    request.elements.append(request.elements[0])
    request.embeddings.data *= 2


ELEMENTS = [
    Case(
        "wrong dimension",
        lambda r: r.embeddings.CopyFrom(pack(np.ones((1, 3)))),
        INVALID,
        "SPACE_MISMATCH",
        "'new'",
    ),
    Case(
        "NaN",
        lambda r: r.embeddings.CopyFrom(pack(np.full((1, DIMENSION), np.nan))),
        INVALID,
        "INVALID_EMBEDDING",
        "'new'",
    ),
    Case("no vector", lambda r: r.ClearField("embeddings"), INVALID, "INVALID_FIELD", "dimension"),
    Case(
        "label of another task",
        lambda r: relabel(r, box_2d=frame_pb2.Box2D(width=1, height=1)),
        INVALID,
        "LABEL_MISMATCH",
        "'l'",
    ),
    Case("unknown class", lambda r: relabel(r, **CLASS), INVALID, "LABEL_MISMATCH", "'tram'"),
    Case(
        "another dataset",
        lambda r: setattr(r.elements[0], "dataset", f"{PROJECT}/datasets/e"),
        INVALID,
        "DATASET_MISMATCH",
        "datasets/e",
    ),
    Case("an element twice", again, INVALID, "INVALID_FIELD", "elements[1]"),
    Case(
        "an unknown issue",
        lambda r: setattr(r, "issue", f"{PROJECT}/issues/none"),
        errors.NotFound,
        "NOT_FOUND",
        "issues/none",
    ),
]


@pytest.mark.parametrize("case", ELEMENTS, ids=lambda case: case.what)
async def test_an_element_that_is_wrong(logger: Logger, case: Case) -> None:
    """It is refused and nothing of the call is added; a right one is taken afterwards."""
    request = adding(logger)
    case.spoil(request)
    async with nothing_moves(logger):
        check(case, await refused(logger.issues.AddElements(request)))
    assert 1 == (await logger.issues.AddElements(adding(logger))).added_count


async def test_scoring_what_is_wrong(logger: Logger) -> None:
    """Unknown, inactive and foreign campaigns are told apart, each by name."""
    unknown = await refused(logger.score(["x"], campaigns=[f"{PROJECT}/campaigns/none"]))
    foreign = await refused(logger.score(["x"], campaigns=["projects/q/campaigns/c"]))
    await logger.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=logger.campaign)
    )
    while (await logger.score(["x"])).versions:
        pass
    inactive = await refused(logger.score(["x"], campaigns=[logger.campaign]))
    assert [
        (errors.NotFound, "NOT_FOUND"),
        (errors.PermissionDenied, "FOREIGN_PROJECT"),
        (errors.FailedPrecondition, "WRONG_STATE"),
    ] == [(type(error), error.reason) for error in (unknown, foreign, inactive)]
    assert logger.campaign in inactive.message


@pytest.mark.parametrize("token", ["", "nonsense", "slc_0123_4567"])
async def test_a_key_that_is_wrong(logger: Logger, connect: Connect, token: str) -> None:
    """No key, a malformed and an unknown one are refused without being repeated."""
    stranger = Logger(connect(token))
    stranger.campaign, stranger.issue = logger.campaign, logger.issue
    async with nothing_moves(logger):
        error = await refused(stranger.funnel())
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async with stranger.session():
                pass
    streamed = errors.from_rpc_error(raised.value)
    assert [errors.Unauthenticated] * 2 == [type(error), type(streamed)]
    assert not token or token not in error.message


async def test_a_key_of_another_project(
    logger: Logger, admin: grpc.aio.Channel, with_scopes: WithScopes
) -> None:
    """A key opens its own project only."""
    await ProjectServiceStub(admin).CreateProject(
        project_pb2.CreateProjectRequest(project_id="other")
    )
    stranger = Logger(await with_scopes(project_pb2.SCOPE_ADMIN, project="projects/other"))
    stranger.campaign = logger.campaign
    async with nothing_moves(logger):
        error = await refused(stranger.funnel())
    assert (errors.PermissionDenied, "FOREIGN_PROJECT") == (type(error), error.reason)
