"""A team with campaigns on a cluster, and loggers that submit for them by the real client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import grpc
import numpy as np
from numpy.typing import NDArray

from deploy.local.cluster import Cluster
from sluice import Frame
from sluice.batches import ScoredFrames, make_batch
from sluice.channel import connect_sync
from sluice.session import SubmitSession
from sluice.tally import ScoredBy
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2, scorer_pb2
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub
from tests.e2e.team import MODEL, Team, vector
from tests.faults.oracle import Report, check_accounts
from tests.faults.stored import Stored

PATIENCE_S = 120.0
MATCHING, OTHERS = 1_000, 8
"""How many vectors there are of frames that match, and of others."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Vectors by name with their scores, of which batches are made under any frame id."""

    row_of: dict[str, int]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    passing: NDArray[np.bool_]
    scored_by: Sequence[ScoredBy]

    @classmethod
    def by(
        cls, channel: grpc.Channel, project: str, vectors: Mapping[str, NDArray[np.float32]]
    ) -> Scored:
        """Score vectors on the cluster."""
        rows = np.stack(list(vectors.values()))
        request = scorer_pb2.ScoreFramesRequest(
            parent=project, embeddings=Embeddings.of_frames(MODEL, rows).to_proto()
        )
        response = ScorerServiceStub(channel).ScoreFrames(request)
        scores = np.frombuffer(response.scores, "<f8").reshape(len(rows), len(response.versions))
        return cls(
            {name: row for row, name in enumerate(vectors)},
            rows,
            scores,
            scores >= [version.threshold for version in response.versions],
            [ScoredBy(v.campaign, v.version, v.model_digest) for v in response.versions],
        )

    def score(self, name: str) -> float:
        """What the first campaign gives a vector."""
        return float(self.scores[self.row_of[name], 0])

    def batch(self, frames: Mapping[str, str]) -> ingest_pb2.SubmitBatch:
        """A batch of frames, each id with the name of its vector."""
        ids, rows = list(frames), [self.row_of[name] for name in frames.values()]
        embeddings = Embeddings.of_frames(MODEL, self.vectors[rows])
        scored = ScoredFrames(
            ids, lambda index: Frame(id=ids[index]), embeddings, self.scores[rows], self.scored_by
        )
        return make_batch(scored, self.passing[rows])


@dataclass(frozen=True, slots=True)
class Load:
    """Batches with a bit of everything: new frames, duplicates, near duplicates, no matches."""

    scored: Scored

    def batches(self, logger: str) -> Iterator[ingest_pb2.SubmitBatch]:
        """The batches of one logger, without end: one match of its own, and one that all share."""
        for number in count():
            frames = {
                f"{logger}-{number}": f"v{number % MATCHING}",
                f"shared-{number}": f"v{number * 7 % MATCHING}",
            }
            others = {f"{logger}-{number}-{index}": f"x{index}" for index in range(OTHERS)}
            yield self.scored.batch(frames | others)


@dataclass(slots=True)
class Logger:
    """One session, and all that it has submitted."""

    session: SubmitSession
    batches: list[ingest_pb2.SubmitBatch] = field(default_factory=list)

    def submit(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch as soon as there is room."""
        self.session.submit(batch)
        self.batches.append(batch)

    def finish(self) -> None:
        """Wait until all is acknowledged."""
        self.session.flush()
        self.session.close()

    @property
    def report(self) -> Report:
        """What the session was told; it must have finished."""
        return Report.of(self.session, self.batches)


class Fleet:
    """A project of its own with a campaign near the first axis, and its loggers."""

    def __init__(self, cluster: Cluster, models: Path) -> None:
        self.cluster = cluster
        self.loggers: list[Logger] = []
        self._closing = ExitStack()
        self.team = self._closing.enter_context(Team(cluster, models))
        self.team.create_project(f"p-{uuid4()}")
        self.team.start("vans", axis=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self.loggers:
            logger.session.close()
        self._closing.close()

    @property
    def project(self) -> str:
        """Its resource name."""
        return self.team.project

    @property
    def campaign(self) -> str:
        """The resource name of the first campaign."""
        return self.team.started["vans"]

    def score(self, *names: str) -> Scored:
        """Score the vectors of those names: `v…` match."""
        return self.score_vectors({name: vector(name) for name in names})

    def score_vectors(self, vectors: Mapping[str, NDArray[np.float32]]) -> Scored:
        """Score vectors."""
        return Scored.by(self.team.channel, self.project, vectors)

    def load(self) -> Load:
        """Batches without end."""
        names = [f"v{index}" for index in range(MATCHING)]
        return Load(self.score(*names, *(f"x{index}" for index in range(OTHERS))))

    def ingester(self, index: int) -> str:
        """The address of one of the two ingest processes, in turn."""
        return self.cluster.address(f"ingest-{index % 2}")

    def logger(self, address: str = "", **options: Any) -> Logger:
        """A new session to the ingest process at an address, or to all in turn."""
        target = address or self.cluster.target
        channel = connect_sync(target, self.cluster.admin_key)
        self._closing.callback(channel.close)
        options = {"patience_s": PATIENCE_S, "logger": "test", **options}
        self.loggers.append(Logger(SubmitSession(channel, self.project, **options)))
        return self.loggers[-1]

    @property
    def verdicts(self) -> Counter[str]:
        """What all loggers were told, of all campaigns."""
        pairs = (logger.session.outcomes.verdicts for logger in self.loggers)
        return Counter(verdict for counted in pairs for _, verdict in counted.elements())

    def check_accounts(self) -> Stored:
        """Let all loggers finish, and check the accounts of each campaign; the first one's."""
        for logger in self.loggers:
            logger.finish()
        reports = [logger.report for logger in self.loggers]
        stored = [
            check_accounts(self.cluster, campaign, reports)
            for campaign in self.team.started.values()
        ]
        return stored[0]
