"""A fake ingest service whose errors a test scripts, behind a real gRPC server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from sluice import errors, rpc_errors
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server

Refuse = Callable[[pb.SubmitBatch], errors.SluiceError | None]


class ScriptedIngest(IngestServiceServicer):
    """Counts batches, each number once, unless `refuse` returns an error for the batch.

    `counted` has the batches with a final result, `streams` the number of streams opened.
    """

    def __init__(self, max_in_flight: int = 2) -> None:
        self.counted: list[pb.SubmitBatch] = []
        self.streams = 0
        self.refuse: Refuse = lambda batch: None
        self._max_in_flight = max_in_flight

    def Submit(  # noqa: N802 - the name is gRPC's
        self, request_iterator: Iterator[pb.SubmitRequest], context: Any
    ) -> Iterator[pb.SubmitResponse]:
        """Respond to the start, then to each batch in order."""
        self.streams += 1
        next(request_iterator)
        started = pb.SubmitStarted(
            max_in_flight=self._max_in_flight, next_seq=len(self.counted) + 1
        )
        yield pb.SubmitResponse(started=started)
        for request in request_iterator:
            yield pb.SubmitResponse(result=self._judge(request.batch))

    def _judge(self, batch: pb.SubmitBatch) -> pb.BatchResult:
        error = self.refuse(batch) or self._check_sequence(batch)
        is_retryable = isinstance(error, errors.Unavailable | errors.SequenceGap)
        if not is_retryable and batch.seq > len(self.counted):
            self.counted.append(batch)
        if error is not None:
            return pb.BatchResult(seq=batch.seq, error=rpc_errors.to_status(error))
        return pb.BatchResult(seq=batch.seq, verdicts=pb.BatchVerdicts())

    def _check_sequence(self, batch: pb.SubmitBatch) -> errors.SluiceError | None:
        expected = len(self.counted) + 1
        if batch.seq <= expected:
            return None
        return errors.SequenceGap("gap", metadata={"expected_seq": str(expected)})


@contextmanager
def serving(servicer: ScriptedIngest) -> Iterator[grpc.Channel]:
    """A channel to a server of that service."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_IngestServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        server.stop(None).wait()
