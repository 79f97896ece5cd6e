"""The loop of every scan and logger: score all frames, tally all, submit those that match.

Three tasks run concurrently: one sends batches to the scorer, one submits scored batches, one
reads the responses. The number of batches in flight is limited by ingest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import uuid4

import grpc
import numpy as np
from numpy.typing import NDArray

from sluice.batches import ScoredFrames, make_batch
from sluice.errors import SluiceError, Unavailable
from sluice.frames import Frame
from sluice.rpc_errors import from_rpc_error, from_status
from sluice.tally import ScoredBy
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2, ingest_pb2_grpc, scorer_pb2, scorer_pb2_grpc

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Frames and their vectors, `(frames, dim) float32`."""

    frames: Sequence[Frame]
    vectors: NDArray[np.float32]


@dataclass(slots=True)
class Progress:
    """The state of a session: acknowledged frames, and counts of verdicts by name."""

    session_id: str
    seen: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


OnProgress = Callable[[Progress], Awaitable[None]]


class Scan:
    """One session: batches go to the scorer, scored batches go to ingest."""

    def __init__(
        self, channel: grpc.aio.Channel, *, project: str, model_id: str, logger: str
    ) -> None:
        """Scan for all active campaigns of the project, `projects/{project_id}`."""
        self._project = project
        self._model_id = model_id
        self._logger = logger
        self._scorer = scorer_pb2_grpc.ScorerServiceStub(channel).StreamScores()
        self._ingest = ingest_pb2_grpc.IngestServiceStub(channel).Submit()
        self._unscored: deque[Batch] = deque()
        self._unacknowledged: deque[Batch] = deque()
        self._window = asyncio.Semaphore(0)
        self._all_sent = False
        self.progress = Progress(str(uuid4()))

    async def run(self, batches: Iterable[Batch], on_progress: OnProgress) -> Progress:
        """Scan all batches; `on_progress` is called after each acknowledged batch.

        Raises the SluiceError of the first batch or stream that failed. A logger that must not lose
        frames would retry batches that failed with Unavailable, under the same number.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(batches))
                tasks.create_task(self._submit())
                tasks.create_task(self._read_responses(on_progress))
        except ExceptionGroup as group:
            raise _first_error(group) from group
        finally:
            self._scorer.cancel()
            self._ingest.cancel()
        return self.progress

    async def _send(self, batches: Iterable[Batch]) -> None:
        """Send batches to the scorer, as many as ingest allows in flight."""
        start = ingest_pb2.SubmitStart(
            parent=self._project, session_id=self.progress.session_id, logger=self._logger
        )
        await _write(self._ingest, ingest_pb2.SubmitRequest(start=start))
        for batch_id, batch in enumerate(batches):
            await self._window.acquire()
            self._unscored.append(batch)
            frames = scorer_pb2.ScoreFramesRequest(
                parent=self._project,
                embeddings=self._embeddings(batch).to_proto(),
                # Ingest explains what it collects.
                explain=scorer_pb2.EXPLAIN_MODE_NONE,
            )
            await _write(
                self._scorer, scorer_pb2.StreamScoresRequest(batch_id=batch_id, batch=frames)
            )
        self._all_sent = True
        await self._scorer.done_writing()

    async def _submit(self) -> None:
        """Submit scored batches; the scorer responds in order, so the numbers count up."""
        seq = 0
        async for response in _read_messages(self._scorer):
            if response.HasField("error"):
                raise from_status(response.error)
            seq += 1
            batch = self._unscored.popleft()
            self._unacknowledged.append(batch)
            submission = self._summarise(seq, batch, response.scores)
            await _write(self._ingest, ingest_pb2.SubmitRequest(batch=submission))
        await self._ingest.done_writing()

    async def _read_responses(self, on_progress: OnProgress) -> None:
        """Count acknowledged batches; each makes room for one more."""
        async for response in _read_messages(self._ingest):
            if response.HasField("started"):
                for _ in range(response.started.max_in_flight):
                    self._window.release()
                continue
            if response.result.HasField("error"):
                raise from_status(response.result.error)
            self._window.release()
            self.progress.seen += len(self._unacknowledged.popleft().frames)
            verdicts = response.result.verdicts.verdicts
            self.progress.verdicts.update(map(_verdict_name, verdicts))
            await on_progress(self.progress)
        if not self._all_sent or self._unscored or self._unacknowledged:
            raise Unavailable("a stream ended before all batches were acknowledged")

    def _summarise(
        self, seq: int, batch: Batch, scored: scorer_pb2.ScoreFramesResponse
    ) -> ingest_pb2.SubmitBatch:
        """The tallies of all scores by campaign version, and the documents of the matches."""
        versions = scored.versions
        scores = np.frombuffer(scored.scores, "<f8").reshape(scored.frame_count, len(versions))
        frames = ScoredFrames(
            [frame.id for frame in batch.frames],
            batch.frames.__getitem__,
            self._embeddings(batch),
            scores,
            [ScoredBy(v.campaign, v.version, v.model_digest) for v in versions],
        )
        submission = make_batch(frames, scores >= [version.threshold for version in versions])
        submission.seq = seq
        return submission

    def _embeddings(self, batch: Batch) -> Embeddings:
        return Embeddings.of_frames(self._model_id, batch.vectors)


async def _write(call: grpc.aio.StreamStreamCall[Message, Any], message: Message) -> None:
    """Send on a stream; raises the error that ended the stream, if it has ended."""
    try:
        await call.write(message)
    except asyncio.InvalidStateError:
        raise await _error_of(call) from None


async def _error_of(call: grpc.aio.StreamStreamCall[Any, Any]) -> SluiceError:
    """The error of a stream that has ended; its responses are read by another task."""
    code, details = await call.code(), await call.details()
    if code is grpc.StatusCode.OK:
        return Unavailable("the stream ended before all batches were sent")
    initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    return from_rpc_error(grpc.aio.AioRpcError(code, initial, trailing, details))


async def _read_messages(call: grpc.aio.StreamStreamCall[Any, Message]) -> AsyncIterator[Message]:
    """Yield the responses of a stream until it ends."""
    while (message := await call.read()) is not grpc.aio.EOF:
        yield cast("Message", message)


def _first_error(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group; the error of a call becomes a SluiceError."""
    error = group.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _first_error(error)
    return from_rpc_error(error) if isinstance(error, grpc.RpcError) else error


def _verdict_name(verdict: ingest_pb2.Verdict) -> str:
    return ingest_pb2.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
