"""Submitting batches in one session: ahead of their answers, and again when a connection breaks."""

from __future__ import annotations

import queue
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import grpc

from sluice import errors
from sluice.v1 import ingest_pb2
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

BACKOFF_S: Final = (0.1, 5.0)
"""The first pause before a broken connection is tried again, which doubles up to the last."""

PATIENCE_S: Final = 120.0
"""How long a server may be away before the session gives up."""

_OPEN = (errors.Unavailable, errors.Aborted, errors.ResourceExhausted)
"""The errors that leave a batch's number open, but for a replay with other content."""


@dataclass(slots=True)
class Outcomes:
    """What became of a session's batches so far.

    `verdicts` counts matches by (campaign's resource name, verdict in lower case);
    `already_counted` are batches that the server had acknowledged in an earlier run.
    """

    batches: int = 0
    already_counted: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    id_conflicts: list[str] = field(default_factory=list)


class SubmitSession:
    """One session, from its first batch to its last acknowledgement; a context manager.

    Batches are kept until they are acknowledged. When the connection breaks or the server says
    to come back, they are sent again under the same numbers, which the server counts once. A run
    under a `session_id` that was used before goes on where that one ended: the batches it sends
    again are taken as counted.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        project: str,
        *,
        session_id: str | None = None,
        logger: str = "",
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.session_id = session_id or str(uuid4())
        self.outcomes = Outcomes()
        self._stub = IngestServiceStub(channel)
        self._start = ingest_pb2.SubmitStart(
            parent=project, session_id=self.session_id, logger=logger
        )
        self._patience_s = patience_s
        self._seq = 0
        self._acknowledged = 0
        self._unanswered: deque[ingest_pb2.SubmitBatch] = deque()
        self._stream: _Stream | None = None

    def __enter__(self) -> SubmitSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    @property
    def acknowledged(self) -> int:
        """The number of the last batch that the server has acknowledged, in any run."""
        return self._acknowledged

    def open(self) -> int:
        """Connect, if that is still to be done; the number of the last batch acknowledged."""
        if self._stream is None:
            self._reconnect(errors.Unavailable("not connected yet"))
        return self._acknowledged

    def submit(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch, as soon as few enough are unanswered.

        Raises what an earlier batch was refused with, and Unavailable when the server stays away.
        """
        self.open()
        if self._seq < self._acknowledged:
            self.pass_over()
            return
        self._seq += 1
        numbered = ingest_pb2.SubmitBatch()
        numbered.CopyFrom(batch)
        numbered.seq = self._seq
        while len(self._unanswered) >= self._connected().max_in_flight:
            self._take_answer()
        self._unanswered.append(numbered)
        self._connected().send(numbered)

    def pass_over(self) -> None:
        """Take the next batch as one of those that were acknowledged before `open`."""
        self._seq += 1
        self.outcomes.already_counted += 1

    def flush(self) -> Outcomes:
        """Wait until every batch has its answer."""
        while self._unanswered:
            self.open()
            self._take_answer()
        return self.outcomes

    def close(self) -> None:
        """End the stream; what is unanswered stays so."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _connected(self) -> _Stream:
        assert self._stream is not None  # `open` was called first
        return self._stream

    def _take_answer(self) -> None:
        try:
            self._conclude(self._connected().result())
        except _OPEN as error:
            if not _leaves_open(error):
                raise
            self._reconnect(error)

    def _conclude(self, result: ingest_pb2.BatchResult) -> None:
        """Take the answer to the oldest unanswered batch; raise what leaves its number open."""
        batch = self._unanswered[0]
        if result.HasField("error"):
            error = errors.from_status(result.error)
            if not _leaves_open(error):
                self._unanswered.popleft()
                self._acknowledged = batch.seq
            raise error
        self._unanswered.popleft()
        self._acknowledged = batch.seq
        self.outcomes.batches += 1
        self.outcomes.id_conflicts += result.verdicts.id_conflicts
        self.outcomes.verdicts.update(_verdicts(batch, result.verdicts))

    def _reconnect(self, error: errors.SluiceError) -> None:
        """Open a new stream and send again what is unanswered, for as long as patience lasts."""
        self.close()
        pause, longest = BACKOFF_S
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                self._stream = self._connect()
            except _OPEN as refused:
                error = refused
            else:
                break
            if time.monotonic() + pause > deadline:
                raise error
            time.sleep(max(pause, error.retry_after_s or 0))
            pause = min(2 * pause, longest)
        for batch in self._unanswered:
            self._stream.send(batch)

    def _connect(self) -> _Stream:
        stream = _Stream(self._stub, self._start)
        counted = stream.next_seq - 1
        if counted < self._acknowledged:
            stream.close()
            raise errors.DataLoss(
                f"session {self.session_id}: batch {self._acknowledged} was acknowledged, and now "
                f"the server knows only {counted}"
            )
        if not self._unanswered:
            self._acknowledged = counted
        return stream


class _Stream:
    """One Submit call. Writing and reading never wait for each other."""

    def __init__(self, stub: IngestServiceStub, start: ingest_pb2.SubmitStart) -> None:
        self._requests: queue.SimpleQueue[ingest_pb2.SubmitRequest | None] = queue.SimpleQueue()
        self._requests.put(ingest_pb2.SubmitRequest(start=start))
        self._call: Any = stub.Submit(self._outgoing())
        try:
            started = self._read().started
        except BaseException:  # an interruption too: nobody else could end the call
            self.close()
            raise
        self.max_in_flight: int = max(started.max_in_flight, 1)
        self.next_seq: int = started.next_seq

    def send(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch."""
        self._requests.put(ingest_pb2.SubmitRequest(batch=batch))

    def result(self) -> ingest_pb2.BatchResult:
        """The next answer; raises the error that the stream ends with."""
        return self._read().result

    def close(self) -> None:
        """End the call at once."""
        self._requests.put(None)
        self._call.cancel()

    def _outgoing(self) -> Iterator[ingest_pb2.SubmitRequest]:
        while (request := self._requests.get()) is not None:
            yield request

    def _read(self) -> ingest_pb2.SubmitResponse:
        try:
            response: ingest_pb2.SubmitResponse = next(self._call)
        except StopIteration:
            raise errors.Unavailable("the server ended the stream") from None
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error
        return response


def _leaves_open(error: errors.SluiceError) -> bool:
    return isinstance(error, _OPEN) and error.reason != "REPLAY_DIFFERS"


def _verdicts(
    batch: ingest_pb2.SubmitBatch, verdicts: ingest_pb2.BatchVerdicts
) -> Iterator[tuple[str, str]]:
    """For each score of each match the campaign and the verdict."""
    columns = (score.tally_index for match in batch.matches for score in match.scores)
    for column, verdict in zip(columns, verdicts.verdicts, strict=True):
        name = ingest_pb2.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
        yield batch.tallies[column].campaign, name
