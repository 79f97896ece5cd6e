"""Submitting batches in one session: ahead of their answers, and again when a connection breaks."""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import grpc

from sluice import errors, rpc_errors
from sluice.backoff import Backoff
from sluice.checks import too_large
from sluice.limits import BATCH_BYTES_MAX
from sluice.v1 import ingest_pb2
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

PATIENCE_S: Final = 120.0
"""How long a server may acknowledge nothing before the session gives up."""

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
        self._backoff = Backoff(patience_s)
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
        self._connected()
        return self._acknowledged

    def use(self, channel: grpc.Channel) -> None:
        """Go on over another channel, with all that is unanswered."""
        self.close()
        self._stub = IngestServiceStub(channel)

    def submit(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch, as soon as few enough are unanswered.

        Raises InvalidArgument for one over 8 MiB, which no server takes; what an earlier batch was
        refused with, naming its number; and Unavailable when the server stays away. The batch was
        not taken then: submit it again.
        """
        self.open()
        if self._seq < self._acknowledged:
            self.pass_over()
            return
        numbered = ingest_pb2.SubmitBatch(seq=self._seq + 1)
        numbered.MergeFrom(batch)
        _check_size(numbered)
        while len(self._unanswered) >= (stream := self._connected()).max_in_flight:
            self._take_answer()
        self._seq = numbered.seq
        self._unanswered.append(numbered)
        stream.send(numbered)

    def pass_over(self) -> None:
        """Take the next batch as one of those that were acknowledged before `open`."""
        self._seq += 1
        self.outcomes.already_counted += 1

    def flush(self) -> Outcomes:
        """Wait until every batch has its answer; raises as `submit` does, and may be repeated."""
        while self._unanswered:
            self._take_answer()
        return self.outcomes

    def close(self) -> None:
        """End the stream; what is unanswered is kept, and sent again by the next call."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _connected(self) -> _Stream:
        while self._stream is None:
            try:
                self._stream = self._connect()
            except _OPEN as error:
                self._backoff.wait(error)
        return self._stream

    def _connect(self) -> _Stream:
        """A new stream, on which all that is unanswered was sent again."""
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
        for batch in self._unanswered:
            stream.send(batch)
        return stream

    def _take_answer(self) -> None:
        """Take the answer to the oldest unanswered batch, or leave a stream that gives none."""
        stream = self._connected()
        try:
            result = stream.result()
        except errors.SluiceError as error:
            self._try_again(error)
        else:
            self._conclude(self._unanswered[0], result)

    def _conclude(self, batch: ingest_pb2.SubmitBatch, result: ingest_pb2.BatchResult) -> None:
        refusal = rpc_errors.from_status(result.error) if result.HasField("error") else None
        if refusal is not None and _leaves_open(refusal):
            self._try_again(refusal)
            return
        self._unanswered.popleft()
        self._acknowledged = batch.seq
        self._backoff.reset()
        if refusal is not None:
            raise _of_batch(batch.seq, refusal)
        self.outcomes.batches += 1
        self.outcomes.id_conflicts += result.verdicts.id_conflicts
        self.outcomes.verdicts.update(_verdicts(batch, result.verdicts))

    def _try_again(self, error: errors.SluiceError) -> None:
        """Leave the stream and pause; raise what no further attempt would change."""
        self.close()
        if not _leaves_open(error):
            raise error
        self._backoff.wait(error)


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
            raise rpc_errors.from_rpc_error(error) from error
        return response


def _check_size(batch: ingest_pb2.SubmitBatch) -> None:
    size_bytes = batch.ByteSize()
    if size_bytes > BATCH_BYTES_MAX:
        problem = f"{size_bytes:,} bytes are more than {BATCH_BYTES_MAX:,}; use smaller batches"
        raise too_large("batch", problem, BATCH_BYTES_MAX)


def _leaves_open(error: errors.SluiceError) -> bool:
    return isinstance(error, _OPEN) and error.reason != "REPLAY_DIFFERS"


def _of_batch(seq: int, error: errors.SluiceError) -> errors.SluiceError:
    """The same error, which says what batch it is about."""
    return type(error)(
        f"batch {seq}: {error.message}",
        reason=error.reason,
        fields=error.fields,
        metadata={**error.metadata, "seq": str(seq)},
        retry_after_s=error.retry_after_s,
    )


def _verdicts(
    batch: ingest_pb2.SubmitBatch, verdicts: ingest_pb2.BatchVerdicts
) -> Iterator[tuple[str, str]]:
    """For each score of each match the campaign and the verdict."""
    columns = (score.tally_index for match in batch.matches for score in match.scores)
    for column, verdict in zip(columns, verdicts.verdicts, strict=True):
        name = ingest_pb2.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
        yield batch.tallies[column].campaign, name
