"""The load of the ingest benchmark: eight sessions of batches, one frame in twenty a match."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice import CollectionClient, Frame
from sluice.batches import ScoredFrames, make_batch
from sluice.model_store import ModelStore
from sluice.scoring import normalise
from sluice.session import SubmitSession
from sluice.state import SpaceState, load_state, read_active
from sluice.tally import ScoredBy
from sluice.tensors import Embeddings
from sluice.v1 import dataset_pb2, frame_pb2, ingest_pb2

SESSIONS: Final = 8
BATCHES: Final = 60
ROWS: Final = 256
DIMENSION, ELEMENTS, MODEL = 256, 30, "bench"
MATCHES_SHARE: Final = 0.05
PATIENCE_S: Final = 60.0

Session = list[ingest_pb2.SubmitBatch]


@dataclass(frozen=True, slots=True)
class Run:
    """The seconds that a load took, from its first batch, and its funnel."""

    acknowledged_s: float
    settled_s: float
    funnel: ingest_pb2.Funnel


class Load:
    """A campaign in a project of its own on a server, and batches of frames that it scores."""

    def __init__(self, target: str, admin_key: str, folder: Path, project: str) -> None:
        self._client = CollectionClient(target, cache_dir=folder / "models", logger="bench")
        self._client.set_credentials(api_key=admin_key)
        self._admin_key = admin_key
        self.project = self._client.projects.create(project).name
        self.campaign = self._start_campaign()
        active = read_active(self._client.channel, self.project)
        [space] = load_state(self._client.channel, ModelStore(folder / "models"), active, None)
        self.sessions = [list(_batches(space, number)) for number in range(SESSIONS)]

    def run(self, targets: Sequence[str]) -> Run:
        """Submit all sessions at once, each to one of the targets in turn; wait for the outbox."""
        clients = [CollectionClient(target) for target in targets]
        for client in clients:
            client.set_credentials(api_key=self._admin_key)
        channels = [clients[number % len(clients)].channel for number in range(SESSIONS)]
        sessions = [
            SubmitSession(channel, self.project, patience_s=PATIENCE_S) for channel in channels
        ]
        for session in sessions:
            session.open()
        start = time.perf_counter()
        with ThreadPoolExecutor(SESSIONS) as threads:
            list(threads.map(_submit, sessions, self.sessions))
        acknowledged_s = time.perf_counter() - start
        while (funnel := self._client.samples.funnel(self.campaign)).pending:
            time.sleep(0.005)
        settled_s = time.perf_counter() - start
        for client in clients:
            client.close()
        assert funnel.seen == SESSIONS * BATCHES * ROWS
        return Run(acknowledged_s, settled_s, funnel)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _start_campaign(self) -> str:
        client = self._client
        dataset = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D)
        dataset_name = client.projects.create_dataset(self.project, "d", dataset).name
        background = _frames(np.random.default_rng(100), 2_000)
        client.campaigns.set_background(self.project, MODEL, background)
        issue = client.issues.create(self.project, "hard", dataset_name).name
        elements = _frames(np.random.default_rng(101), ELEMENTS, matches_share=1)
        frames = [Frame(id=f"hard{index}") for index in range(ELEMENTS)]
        client.issues.add_elements(issue, frames, elements, model_id=MODEL)
        return client.campaigns.start(issue).name


def _submit(session: SubmitSession, batches: Session) -> None:
    for batch in batches:
        session.submit(batch)
    session.flush()
    session.close()


def _frames(
    random: np.random.Generator, count: int, matches_share: float = MATCHES_SHARE
) -> NDArray[np.float32]:
    """Noise, and some rows that share a direction without being near duplicates."""
    rows = random.standard_normal((count, DIMENSION), dtype=np.float32)
    matches = round(count * matches_share)
    rows[:matches, 0] += 12
    return rows


def _batches(space: SpaceState, number: int) -> Iterator[ingest_pb2.SubmitBatch]:
    """The batches of one session; frames over the threshold are matches."""
    random = np.random.default_rng(number)
    for at in range(BATCHES):
        rows = _frames(random, ROWS)
        ids = [f"s{number}-b{at}-f{index}" for index in range(ROWS)]
        scores = space.scorer.score(normalise(rows)).scores
        scored = ScoredFrames(
            ids,
            lambda index, ids=ids: _frame(ids[index]),  # type: ignore[misc]
            Embeddings.of_frames(MODEL, rows),
            scores,
            [ScoredBy(c.name, c.version, c.model_digest) for c in space.campaigns],
        )
        yield make_batch(scored, scores >= 0.5)


def _frame(frame_id: str) -> Frame:
    return Frame(id=frame_id, device="car-7", metadata={"location": "Oslo", "speed_kmh": 48})
