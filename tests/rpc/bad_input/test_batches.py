"""Batches whose parts are too many, too large or contradict each other count nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest

from sluice import errors, rpc_errors
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, frame_pb2, ingest_pb2
from tests.rpc.bad_input.cases import Case, nothing_moves
from tests.rpc.ingest.logger import DIMENSION, PROJECT, Logger

PENDING, INACTIVE = ingest_pb2.VERDICT_PENDING, ingest_pb2.VERDICT_INACTIVE
MATCH, TALLY = "batch.matches[0]", "batch.tallies[0]"


def spoil_row(batch: ingest_pb2.SubmitBatch, row: int, value: float) -> None:
    """Fill the vector of a match with a value."""
    rows = np.frombuffer(batch.embeddings.tensor.data, "<f4").reshape(-1, DIMENSION).copy()
    rows[row] = value
    batch.embeddings.tensor.CopyFrom(pack(rows))


def metadata(batch: ingest_pb2.SubmitBatch, *names: str) -> None:
    """Give the first match pairs of those names."""
    for name in names:
        batch.matches[0].frame.metadata[name].MergeFrom(frame_pb2.MetadataValue(integer=1))


def text(batch: ingest_pb2.SubmitBatch, value: str) -> None:
    """Give the first match a pair of metadata with that text."""
    batch.matches[0].frame.metadata["k"].MergeFrom(frame_pb2.MetadataValue(text=value))


def shorten(batch: ingest_pb2.SubmitBatch) -> None:
    """Give the vectors half of their dimensions."""
    batch.embeddings.tensor.CopyFrom(pack(np.ones((2, DIMENSION // 2))))


def label(batch: ingest_pb2.SubmitBatch, *ids: str, **shape: Any) -> None:
    """Give the first match labels, in an image of 10 × 10 pixels."""
    frame = batch.matches[0].frame
    frame.sensors.add(sensor_id="cam", url="u", width=10, height=10)
    for label_id in ids:
        frame.labels.add(id=label_id, class_name="van", sensor_id="cam", **shape)


def too_many_scores(batch: ingest_pb2.SubmitBatch) -> None:
    """Name the same tally once more than a batch may have scores."""
    del batch.matches[0].scores[:]
    batch.matches[0].scores.extend([ingest_pb2.Match.CampaignScore(score=0.9)] * 16_385)


CASES = [
    Case(
        "NaN in one of two vectors",
        lambda b: spoil_row(b, 1, np.nan),
        "INVALID_EMBEDDING",
        "batch.embeddings",
        "row 1",
    ),
    Case(
        "zeros in one of two vectors",
        lambda b: spoil_row(b, 1, 0),
        "INVALID_EMBEDDING",
        "batch.embeddings",
        "row 1",
    ),
    Case(
        "a dimension over the limit",
        lambda b: b.embeddings.tensor.CopyFrom(pack(np.ones((2, 8_193)))),
        "INVALID_FIELD",
        "batch.embeddings.tensor.dimension",
        "8193 is not in 2…8,192",
    ),
    Case(
        "too many bytes of vectors",
        lambda b: b.embeddings.tensor.CopyFrom(pack(np.ones((257, 8_192)))),
        "TOO_LARGE",
        "batch",
        "bytes are more than 8,388,608",
    ),
    Case(
        "half a vector",
        lambda b: setattr(b.embeddings.tensor, "data", b.embeddings.tensor.data[:-4]),
        "INVALID_FIELD",
        "batch.embeddings.tensor.data",
        "no whole rows of 64 float32",
    ),
    Case(
        "matches without vectors",
        lambda b: b.ClearField("embeddings"),
        "INVALID_FIELD",
        "batch.embeddings",
        "0 frames for 2 matches",
    ),
    Case(
        "too many frames",
        lambda b: setattr(b, "seen_hashes", bytes(8 * 4_097)),
        "TOO_LARGE",
        "batch.seen_hashes",
        "4097 frames are more than 4096",
    ),
    Case(
        "too many matches",
        too_many_scores,
        "TOO_LARGE",
        "batch.matches",
        "scores are more than 16384",
    ),
    Case(
        "an unknown campaign",
        lambda b: setattr(b.tallies[0], "campaign", f"{PROJECT}/campaigns/none"),
        "NOT_FOUND",
        TALLY,
        "campaigns/none",
        errors.NotFound,
    ),
    Case(
        "a version that is not yet",
        lambda b: setattr(b.tallies[0], "version", 9),
        "NOT_FOUND",
        TALLY,
        "versions/9",
        errors.NotFound,
    ),
    Case(
        "a name that is none",
        lambda b: setattr(b.tallies[0], "campaign", "vans"),
        "INVALID_FIELD",
        f"{TALLY}.campaign",
        "'vans'",
    ),
    Case(
        "a campaign twice",
        lambda b: b.tallies.append(b.tallies[0]),
        "INVALID_FIELD",
        "batch.tallies",
        "duplicate campaign 'projects/p/campaigns/",
    ),
    Case(
        "a histogram of 63 bins",
        lambda b: b.tallies[0].histogram.pop(),
        "INVALID_FIELD",
        f"{TALLY}.histogram",
        "64",
    ),
    Case(
        "more passed over than seen",
        lambda b: setattr(b.tallies[0], "not_selected", 4),
        "INVALID_FIELD",
        f"{TALLY}.not_selected",
        "4",
    ),
    Case(
        "a score of no tally",
        lambda b: setattr(b.matches[0].scores[0], "tally_index", 7),
        "INVALID_FIELD",
        f"{MATCH}.scores",
        "tally_index 7 is out of range; the batch has 1",
    ),
    Case(
        "a match of no campaign",
        lambda b: b.matches[0].ClearField("scores"),
        "INVALID_FIELD",
        f"{MATCH}.scores",
        "'h1' has no score",
    ),
    Case(
        "a frame without an id",
        lambda b: setattr(b.matches[0].frame, "id", ""),
        "INVALID_FIELD",
        f"{MATCH}.frame.id",
        "empty",
    ),
    Case(
        "a name of metadata too long",
        lambda b: metadata(b, "x" * 257),
        "TOO_LARGE",
        f"{MATCH}.frame.metadata key",
        "257 bytes",
    ),
    Case(
        "a sensor twice",
        lambda b: [b.matches[0].frame.sensors.add(sensor_id="cam", url="u") for _ in range(2)],
        "INVALID_FIELD",
        f"{MATCH}.frame.sensors",
        "'cam' stands 2 times",
    ),
    Case("wrong dimension", shorten, "SPACE_MISMATCH", "batch.embeddings", "'m' with 32"),
    Case(
        "infinity in one of two vectors",
        lambda b: spoil_row(b, 1, np.inf),
        "INVALID_EMBEDDING",
        "batch.embeddings",
        "row 1",
    ),
    Case(
        "an unknown space",
        lambda b: setattr(b.embeddings, "model_id", "other"),
        "SPACE_MISMATCH",
        "batch.embeddings",
        "'other' with 64",
    ),
    Case(
        "a foreign project",
        lambda b: setattr(b.tallies[0], "campaign", "projects/q/campaigns/c"),
        "FOREIGN_PROJECT",
        f"{TALLY}.campaign",
        "projects/q/campaigns/c",
        errors.PermissionDenied,
    ),
    Case(
        "another model than the version's",
        lambda b: setattr(b.tallies[0], "model_digest", "0" * 64),
        "INVALID_FIELD",
        f"{TALLY}.model_digest",
        "0" * 64,
    ),
    Case(
        "half a hash",
        lambda b: setattr(b, "seen_hashes", bytes(9)),
        "INVALID_FIELD",
        "batch.seen_hashes",
        "9 bytes",
    ),
    Case(
        "frames left out of the tally",
        lambda b: setattr(b, "seen_hashes", bytes(32)),
        "INVALID_FIELD",
        f"{TALLY}.count",
        "4",
    ),
    Case(
        "too long an id",
        lambda b: setattr(b.matches[0].frame, "id", "x" * 257),
        "TOO_LARGE",
        f"{MATCH}.frame.id",
        "257 bytes; at most 256",
    ),
    Case(
        "too large a document",
        lambda b: text(b, "x" * 70_000),
        "TOO_LARGE",
        f"{MATCH}.frame",
        "at most 65,536",
    ),
    Case(
        "too much metadata",
        lambda b: metadata(b, *map(str, range(65))),
        "TOO_LARGE",
        f"{MATCH}.frame.metadata",
        "65 pairs; at most 64",
    ),
    Case(
        "too large a batch",
        lambda b: text(b, "x" * 9_000_000),
        "TOO_LARGE",
        "batch",
        "bytes are more than 8,388,608",
    ),
    Case(
        "a frame twice",
        lambda b: b.matches[1].frame.CopyFrom(b.matches[0].frame),
        "INVALID_FIELD",
        "batch.matches",
        "duplicate frame id 'h1'",
    ),
    Case(
        "a label id twice",
        lambda b: label(b, "l", "l", classification_2d={}),
        "INVALID_FIELD",
        f"{MATCH}.frame.labels",
        "'l' stands 2 times",
    ),
    Case(
        "a box outside its image",
        lambda b: label(b, "l", box_2d={"left": 5, "top": 5, "width": 6, "height": 1}),
        "INVALID_FIELD",
        f"{MATCH}.frame.labels[0].box_2d",
        "(5, 5) to (11, 6) is not inside the image of 10 × 10",
    ),
    Case(
        "a threshold over 1",
        lambda b: setattr(b, "threshold_override", 1.5),
        "INVALID_FIELD",
        "batch.threshold_override",
        "1.5 is not in 0…1",
    ),
    Case(
        "a score that is none",
        lambda b: setattr(b.matches[0].scores[0], "score", np.nan),
        "INVALID_FIELD",
        f"{MATCH}.scores",
        "nan",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_a_wrong_batch_costs_its_number_only(logger: Logger, case: Case) -> None:
    """It is refused by field and value, nothing is counted, only the watermark moves."""
    name = str(uuid4())
    wrong = await logger.batch(1, "h1", "h2", "x")
    case.spoil(wrong)
    async with nothing_moves(logger):
        async with logger.session(name) as session:
            await session.send(wrong)
            first = await session.result()
        async with logger.session(name, next_seq=2) as session:
            await session.send(wrong)
            again = await session.result()
        case.check(rpc_errors.from_status(first.error))
        assert first == again
    async with logger.session(name, next_seq=2) as session:
        await session.send(await logger.batch(2, "h1", "h2", "x"))
        assert [PENDING, PENDING] == (await session.result()).verdicts.verdicts
    assert (3, 2) == ((await logger.settled()).seen, (await logger.funnel()).matches)


async def test_a_message_over_the_transports_limit_leaves_its_number_open(logger: Logger) -> None:
    """What is too large to be read at all ends the stream; the same number then counts once."""
    name = str(uuid4())
    wrong = await logger.batch(1, "h1")
    wrong.embeddings.tensor.data = bytes(17 * 2**20)
    async with nothing_moves(logger):
        async with logger.session(name) as session:
            await session.send(wrong)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await session.result()
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == raised.value.code()
    async with logger.session(name) as session:
        await session.send(await logger.batch(1, "h1"))
        assert [PENDING] == (await session.result()).verdicts.verdicts


async def test_a_start_that_is_wrong(logger: Logger) -> None:
    """A session needs a project that exists, a UUID, a short name, and to be started first."""
    start = ingest_pb2.SubmitStart(parent=PROJECT, session_id=str(uuid4()), logger="test")
    long, none, mine = (ingest_pb2.SubmitStart.FromString(start.SerializeToString()) for _ in "abc")
    long.logger, none.parent, mine.session_id = "x" * 257, "projects/none", "mine"
    wrong = [
        (ingest_pb2.SubmitRequest(start=long), "TOO_LARGE", "start.logger"),
        (ingest_pb2.SubmitRequest(start=none), "NOT_FOUND", "projects/none"),
        (ingest_pb2.SubmitRequest(start=mine), "INVALID_FIELD", "start.session_id: 'mine'"),
        (ingest_pb2.SubmitRequest(batch={"seq": 1}), "INVALID_FIELD", "start"),
    ]
    async with nothing_moves(logger):
        for request, reason, says in wrong:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await logger.ingest.Submit(iter([request])).read()
            error = rpc_errors.from_rpc_error(raised.value)
            assert reason == error.reason
            assert error.message.startswith(says)


async def test_an_inactive_campaign_is_told_and_counts_as_that(logger: Logger) -> None:
    """Late frames of a campaign that was stopped are inactive: neither an error nor a sample."""
    late = await logger.batch(1, "h1", "x")
    await logger.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=logger.campaign)
    )
    while (await logger.score(["x"])).versions:
        pass
    async with logger.session() as session:
        await session.send(late)
        assert [INACTIVE] == (await session.result()).verdicts.verdicts
    funnel = await logger.funnel()
    assert (2, 1, 1) == (funnel.seen, funnel.matches, funnel.inactive)
    assert 0 == funnel.pending + funnel.collected + funnel.near_duplicate


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
            found = rpc_errors.from_status((await session.result()).error)
    assert (error, reason) == (type(found), found.reason)
    async with logger.session(name, next_seq=next_seq):
        pass
