"""An ingest service that does what a test tells it, behind a real gRPC server."""

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
    """Counts batches, each number once, unless `refuse` has an error for it.

    `counted` are the batches that have an outcome, `streams` how often a stream was opened.
    """

    def __init__(self, max_in_flight: int = 2) -> None:
        self.counted: list[pb.SubmitBatch] = []
        self.streams = 0
        self.refuse: Refuse = lambda batch: None
        self._max_in_flight = max_in_flight

    def Submit(  # noqa: N802 - the name is gRPC's
        self, request_iterator: Iterator[pb.SubmitRequest], context: Any
    ) -> Iterator[pb.SubmitResponse]:
        """Start, then answer each batch in turn."""
        self.streams += 1
        next(request_iterator)
        started = pb.SubmitStarted(
            max_in_flight=self._max_in_flight, next_seq=len(self.counted) + 1
        )
        yield pb.SubmitResponse(started=started)
        for request in request_iterator:
            yield pb.SubmitResponse(result=self._answer(request.batch))

    def _answer(self, batch: pb.SubmitBatch) -> pb.BatchResult:
        error = self.refuse(batch) or self._out_of_turn(batch)
        leaves_open = isinstance(error, errors.Unavailable | errors.SequenceGap)
        if not leaves_open and batch.seq > len(self.counted):
            self.counted.append(batch)
        if error is not None:
            return pb.BatchResult(seq=batch.seq, error=rpc_errors.to_status(error))
        return pb.BatchResult(seq=batch.seq, verdicts=pb.BatchVerdicts())

    def _out_of_turn(self, batch: pb.SubmitBatch) -> errors.SluiceError | None:
        expected = len(self.counted) + 1
        if batch.seq <= expected:
            return None
        return errors.SequenceGap("gap", metadata={"expected_seq": str(expected)})


@contextmanager
def serving(servicer: ScriptedIngest) -> Iterator[grpc.Channel]:
    """A channel to a server of it."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_IngestServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        server.stop(None).wait()
