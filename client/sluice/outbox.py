"""Batches on their way to the server: one session for each project, none lost to an error."""

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
    """What the server said: verdicts by (campaign's resource name, verdict in lower case).

    `already_counted` are batches that an earlier run under the same session id had sent.
    """

    verdicts: Counter[tuple[str, str]]
    already_counted: int


class Outbox:
    """Keeps batches until the session of their project has taken them."""

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
        """Send all that is here, and wait until it is acknowledged.

        Raises what a batch was refused with, naming its number, and Unavailable when the server
        stays away. What is unsent then is kept: call again.
        """
        earlier, total = self._totals(), len(self._batches)
        while self._batches:
            project, batch = self._batches[0]
            self._session(project).submit(batch)
            self._batches.popleft()
            self._on_progress("batches sent", total - len(self._batches), total)
        for session in self._sessions.values():
            session.flush()
        now = self._totals()
        return SendResult(
            now.verdicts - earlier.verdicts, now.already_counted - earlier.already_counted
        )

    def close(self) -> None:
        """End the streams; what is unsent is kept."""
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
