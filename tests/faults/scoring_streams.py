"""Streams of scores that outlive their servers: what was not answered is sent again."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from sluice import errors, rpc_errors
from sluice.backoff import Backoff
from sluice.v1 import scorer_pb2
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

PATIENCE_S = 120.0
AHEAD = 4


@dataclass(slots=True)
class ScoringStream:
    """One client, which sends a few batches ahead of their answers; `answers` are by batch id."""

    channel: grpc.Channel
    batch: scorer_pb2.ScoreFramesRequest
    answers: dict[int, scorer_pb2.ScoreFramesResponse] = field(default_factory=dict)
    streams: int = 0

    def run(self, done: Any) -> None:
        """Go on until that event, and until all is answered."""
        unanswered: deque[int] = deque()
        backoff = Backoff(PATIENCE_S)
        while unanswered or not done.is_set():
            try:
                self._run_stream(done, unanswered)
            except grpc.RpcError as error:
                problem = rpc_errors.from_rpc_error(error)
                if not isinstance(problem, errors.Unavailable):
                    raise problem from error
                backoff.wait(problem)

    def _run_stream(self, done: Any, unanswered: deque[int]) -> None:
        self.streams += 1
        requests: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        for batch_id in unanswered:
            requests.put(batch_id)
        answers = ScorerServiceStub(self.channel).StreamScores(self._outgoing(requests))
        try:
            while True:
                while len(unanswered) < AHEAD and not done.is_set():
                    unanswered.append(len(self.answers) + len(unanswered))
                    requests.put(unanswered[-1])
                if not unanswered:
                    return
                self._take(next(answers), unanswered)
        finally:
            requests.put(None)
            answers.cancel()

    def _outgoing(
        self, requests: queue.SimpleQueue[int | None]
    ) -> Iterator[scorer_pb2.StreamScoresRequest]:
        while (batch_id := requests.get()) is not None:
            yield scorer_pb2.StreamScoresRequest(batch_id=batch_id, batch=self.batch)

    def _take(self, answer: scorer_pb2.StreamScoresResponse, unanswered: deque[int]) -> None:
        """Take an answer, which must be to the oldest batch that has none."""
        assert (unanswered[0], "scores") == (answer.batch_id, answer.WhichOneof("outcome"))
        assert answer.batch_id not in self.answers
        self.answers[unanswered.popleft()] = answer.scores
