"""Submits batches in a session: pipelined, and sent again after a lost connection."""

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
"""Seconds without an acknowledgement after which the session gives up."""

_RETRYABLE = (errors.Unavailable, errors.Aborted, errors.ResourceExhausted)
"""Errors after which a batch may be sent again, except for a replay with other content."""


@dataclass(slots=True)
class Outcomes:
    """The results of a session's batches so far.

    `verdicts` counts matches by (campaign's resource name, verdict in lower case);
    `already_counted` is the number of batches acknowledged in an earlier run; `rejected` has the
    numbers of the batches that the server rejected, and so did not count.
    """

    batches: int = 0
    already_counted: int = 0
    rejected: list[int] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    id_conflicts: list[str] = field(default_factory=list)


class SubmitSession:
    """One session, from its first batch to its last acknowledgement; a context manager.

    Batches are kept until they are acknowledged. After a lost connection, or when the server asks
    for a retry, they are sent again under the same numbers; the server counts each number once. A
    run with the `session_id` of an earlier run resumes it, within 90 days of its last batch:
    batches that were acknowledged then are skipped.
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
        self._unacknowledged: deque[ingest_pb2.SubmitBatch] = deque()
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

    @property
    def unacknowledged(self) -> int:
        """How many batches were sent, and have no result yet."""
        return len(self._unacknowledged)

    def open(self) -> int:
        """Connect unless connected; returns the number of the last acknowledged batch."""
        self._ensure_stream()
        return self._acknowledged

    def use(self, channel: grpc.Channel) -> None:
        """Switch to another channel; unacknowledged batches are sent again there."""
        self.close()
        self._stub = IngestServiceStub(channel)

    def submit(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch, once fewer than the server's maximum are unacknowledged.

        Raises InvalidArgument for a batch over 8 MiB, the error of an earlier batch that was
        rejected, naming its number, and Unavailable if the server does not respond. After an
        error, this batch was not submitted: submit it again.
        """
        self.open()
        if self._seq < self._acknowledged:
            self.pass_over()
            return
        numbered = ingest_pb2.SubmitBatch(seq=self._seq + 1)
        numbered.MergeFrom(batch)
        _check_size(numbered)
        while len(self._unacknowledged) >= (stream := self._ensure_stream()).max_in_flight:
            self._receive_result()
        self._seq = numbered.seq
        self._unacknowledged.append(numbered)
        stream.send(numbered)

    def pass_over(self) -> None:
        """Skip the next batch, which was acknowledged in an earlier run."""
        self._seq += 1
        self.outcomes.already_counted += 1

    def flush(self) -> Outcomes:
        """Wait until every batch has its result; raises as `submit` does, then call it again."""
        while self._unacknowledged:
            self._receive_result()
        return self.outcomes

    def close(self) -> None:
        """End the stream; unacknowledged batches are kept, and the next call sends them again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _ensure_stream(self) -> _Stream:
        while self._stream is None:
            try:
                self._stream = self._connect()
            except _RETRYABLE as error:
                self._backoff.wait(error)
        return self._stream

    def _connect(self) -> _Stream:
        """Open a stream, and send all unacknowledged batches again."""
        stream = _Stream(self._stub, self._start)
        counted = stream.next_seq - 1
        if counted < self._acknowledged:
            stream.close()
            raise errors.DataLoss(
                f"session {self.session_id}: batch {self._acknowledged} was acknowledged, but the "
                f"server's last batch is now {counted}"
            )
        if not self._unacknowledged:
            self._acknowledged = counted
        for batch in self._unacknowledged:
            stream.send(batch)
        return stream

    def _receive_result(self) -> None:
        """Receive the result of the oldest batch; close and retry a stream that fails."""
        stream = self._ensure_stream()
        try:
            result = stream.receive()
        except errors.SluiceError as error:
            self._prepare_retry(error)
        else:
            self._conclude(self._unacknowledged[0], result)

    def _conclude(self, batch: ingest_pb2.SubmitBatch, result: ingest_pb2.BatchResult) -> None:
        rejection = rpc_errors.from_status(result.error) if result.HasField("error") else None
        if rejection is not None and _is_retryable(rejection):
            self._prepare_retry(rejection)
            return
        self._unacknowledged.popleft()
        self._acknowledged = batch.seq
        self._backoff.reset()
        if rejection is not None:
            self.outcomes.rejected.append(batch.seq)
            raise _add_batch_number(rejection, batch.seq)
        self.outcomes.batches += 1
        self.outcomes.id_conflicts += result.verdicts.id_conflicts
        self.outcomes.verdicts.update(_pair_verdicts(batch, result.verdicts))

    def _prepare_retry(self, error: errors.SluiceError) -> None:
        """Close the stream and pause; raises an error that a retry would not change."""
        self.close()
        if not _is_retryable(error):
            raise error
        self._backoff.wait(error)


class _Stream:
    """One Submit call; sending never waits for a response."""

    def __init__(self, stub: IngestServiceStub, start: ingest_pb2.SubmitStart) -> None:
        self._requests: queue.SimpleQueue[ingest_pb2.SubmitRequest | None] = queue.SimpleQueue()
        self._requests.put(ingest_pb2.SubmitRequest(start=start))
        self._call: Any = stub.Submit(self._iterate_requests())
        try:
            started = self._read().started
        except BaseException:  # also KeyboardInterrupt: nothing else would end the call
            self.close()
            raise
        self.max_in_flight: int = max(started.max_in_flight, 1)
        self.next_seq: int = started.next_seq

    def send(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch."""
        self._requests.put(ingest_pb2.SubmitRequest(batch=batch))

    def receive(self) -> ingest_pb2.BatchResult:
        """Wait for the next result; raises the error that ends the stream."""
        return self._read().result

    def close(self) -> None:
        """End the call at once."""
        self._requests.put(None)
        self._call.cancel()

    def _iterate_requests(self) -> Iterator[ingest_pb2.SubmitRequest]:
        while (request := self._requests.get()) is not None:
            yield request

    def _read(self) -> ingest_pb2.SubmitResponse:
        try:
            response: ingest_pb2.SubmitResponse = next(self._call)
        except StopIteration:
            raise errors.Unavailable("the server ended the stream") from None
        except grpc.RpcError as error:
            raise rpc_errors.from_rpc_error(error) from rpc_errors.FailedCall(error)
        return response


def _check_size(batch: ingest_pb2.SubmitBatch) -> None:
    size_bytes = batch.ByteSize()
    if size_bytes > BATCH_BYTES_MAX:
        problem = f"{size_bytes:,} bytes are more than {BATCH_BYTES_MAX:,}; use smaller batches"
        raise too_large("batch", problem, BATCH_BYTES_MAX)


def _is_retryable(error: errors.SluiceError) -> bool:
    return isinstance(error, _RETRYABLE) and error.reason != "REPLAY_DIFFERS"


def _add_batch_number(error: errors.SluiceError, seq: int) -> errors.SluiceError:
    """The same error with the batch number in its message and metadata."""
    return type(error)(
        f"batch {seq}: {error.message}",
        reason=error.reason,
        fields=error.fields,
        metadata={**error.metadata, "seq": str(seq)},
        retry_after_s=error.retry_after_s,
    )


def _pair_verdicts(
    batch: ingest_pb2.SubmitBatch, verdicts: ingest_pb2.BatchVerdicts
) -> Iterator[tuple[str, str]]:
    """The campaign and the verdict of each score of each match."""
    columns = (score.tally_index for match in batch.matches for score in match.scores)
    for column, verdict in zip(columns, verdicts.verdicts, strict=True):
        name = ingest_pb2.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
        yield batch.tallies[column].campaign, name
