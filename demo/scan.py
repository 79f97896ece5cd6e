"""The loop of every scan and logger: score all frames, tally all, submit those that match.

Three tasks work side by side, each on a batch of its own: one sends batches to the scorer, one
submits what was scored, one takes the answers. No more batches are under way than ingest allows.
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
    """What a session has come to: frames acknowledged, and verdicts of their matches by name."""

    session_id: str
    seen: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


OnAnswer = Callable[[Progress], Awaitable[None]]


class Scan:
    """One session: batches go to the scorer, what they come to goes to ingest."""

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
        self._unanswered: deque[Batch] = deque()
        self._window = asyncio.Semaphore(0)
        self._all_sent = False
        self.progress = Progress(str(uuid4()))

    async def run(self, batches: Iterable[Batch], on_answer: OnAnswer) -> Progress:
        """Scan all batches; `on_answer` is called after each one that was acknowledged.

        Raises the SluiceError of the first batch, or stream, that was refused. A logger that must
        not lose frames would send again what failed with Unavailable, under the same number.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(batches))
                tasks.create_task(self._submit())
                tasks.create_task(self._take_answers(on_answer))
        except ExceptionGroup as group:
            raise _first(group) from group
        finally:
            self._scorer.cancel()
            self._ingest.cancel()
        return self.progress

    async def _send(self, batches: Iterable[Batch]) -> None:
        """Have batch after batch scored, as ingest has room for what they come to."""
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
        """Submit what was scored; the scorer answers in order, so numbers simply count."""
        seq = 0
        async for answer in _messages(self._scorer):
            if answer.HasField("error"):
                raise from_status(answer.error)
            seq += 1
            batch = self._unscored.popleft()
            self._unanswered.append(batch)
            submission = self._summarise(seq, batch, answer.scores)
            await _write(self._ingest, ingest_pb2.SubmitRequest(batch=submission))
        await self._ingest.done_writing()

    async def _take_answers(self, on_answer: OnAnswer) -> None:
        """Count what was acknowledged; each answer makes room for one more batch."""
        async for answer in _messages(self._ingest):
            if answer.HasField("started"):
                for _ in range(answer.started.max_in_flight):
                    self._window.release()
                continue
            if answer.result.HasField("error"):
                raise from_status(answer.result.error)
            self._window.release()
            self.progress.seen += len(self._unanswered.popleft().frames)
            verdicts = answer.result.verdicts.verdicts
            self.progress.verdicts.update(map(_verdict_name, verdicts))
            await on_answer(self.progress)
        if not self._all_sent or self._unscored or self._unanswered:
            raise Unavailable("a stream ended before all batches were answered")

    def _summarise(
        self, seq: int, batch: Batch, scored: scorer_pb2.ScoreFramesResponse
    ) -> ingest_pb2.SubmitBatch:
        """All scores summed up by campaign version, and the documents of the matches."""
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
    """Send on a stream; the error that ended it, where that happened meanwhile."""
    try:
        await call.write(message)
    except asyncio.InvalidStateError:
        raise await _ending(call) from None


async def _ending(call: grpc.aio.StreamStreamCall[Any, Any]) -> SluiceError:
    """Why a stream has ended; its answers are another task's to read."""
    code, details = await call.code(), await call.details()
    if code is grpc.StatusCode.OK:
        return Unavailable("the stream ended before all batches were sent")
    initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    return from_rpc_error(grpc.aio.AioRpcError(code, initial, trailing, details))


async def _messages(call: grpc.aio.StreamStreamCall[Any, Message]) -> AsyncIterator[Message]:
    """What a stream answers, until it ends."""
    while (message := await call.read()) is not grpc.aio.EOF:
        yield cast("Message", message)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """What went wrong first, as a SluiceError where a call failed."""
    error = group.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _first(error)
    return from_rpc_error(error) if isinstance(error, grpc.RpcError) else error


def _verdict_name(verdict: ingest_pb2.Verdict) -> str:
    return ingest_pb2.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
