"""Batches waiting to be sent, with one session per project; an error loses none of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

import grpc

from sluice.progress import OnProgress
from sluice.session import SubmitSession
from sluice.v1 import ingest_pb2


@dataclass(frozen=True, slots=True)
class SendResult:
    """The server's verdicts, counted by (campaign's resource name, verdict in lower case).

    `already_counted` is the number of batches sent by an earlier run under the same session id.
    """

    verdicts: Counter[tuple[str, str]]
    already_counted: int


class Outbox:
    """Keeps batches until their project's session accepts them."""

    def __init__(self, session_id: str, logger: str, on_progress: OnProgress) -> None:
        self._session_id = session_id
        self._logger = logger
        self._on_progress = on_progress
        self._channel: grpc.Channel | None = None
        self._batches: deque[tuple[str, ingest_pb2.SubmitBatch]] = deque()
        self._sessions: dict[str, SubmitSession] = {}

    def use(self, channel: grpc.Channel) -> None:
        """Send over this channel from now on."""
        self._channel = channel
        for session in self._sessions.values():
            session.use(channel)

    def put(self, project: str, batches: Iterable[ingest_pb2.SubmitBatch]) -> None:
        """Add batches of a project, by its resource name."""
        self._batches += ((project, batch) for batch in batches)

    def send(self) -> SendResult:
        """Send all batches, and wait until they are acknowledged.

        Raises the error of a rejected batch, naming its number, and Unavailable if the server does
        not respond. Unsent batches are kept: call again.
        """
        before, total = self._totals(), len(self._batches)
        while self._batches:
            project, batch = self._batches[0]
            self._session(project).submit(batch)
            self._batches.popleft()
            self._on_progress("batches sent", total - len(self._batches), total)
        for session in self._sessions.values():
            session.flush()
        after = self._totals()
        return SendResult(
            after.verdicts - before.verdicts, after.already_counted - before.already_counted
        )

    def close(self) -> None:
        """End the streams; unsent batches are kept."""
        for session in self._sessions.values():
            session.close()

    def _session(self, project: str) -> SubmitSession:
        assert self._channel is not None  # the client has connected
        if project not in self._sessions:
            self._sessions[project] = SubmitSession(
                self._channel, project, session_id=self._session_id, logger=self._logger
            )
        return self._sessions[project]

    def _totals(self) -> SendResult:
        verdicts: Counter[tuple[str, str]] = Counter()
        for session in self._sessions.values():
            verdicts.update(session.outcomes.verdicts)
        counted = sum(session.outcomes.already_counted for session in self._sessions.values())
        return SendResult(verdicts, counted)
