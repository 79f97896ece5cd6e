"""An acknowledgement waits for the log to reach the disk: where flushing fails, there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sluice import Frame, errors
from sluice.batches import ScoredFrames, make_batch
from sluice.session import SubmitSession
from sluice.tally import ScoredBy
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2
from tests.e2e.sluiced import SLUICED, Sluiced, running
from tests.e2e.team import DIMENSION, MODEL, Team
from tests.faults.system_calls import FLUSHES, attached

UNSAFE = Path(__file__).with_name("unsafe_sluiced.py")
SYNCS = ",".join(FLUSHES)


@contextmanager
def failing_flushes(pid: int) -> Iterator[None]:
    """Every flush of the process fails with EIO, as on a broken disk; strace sees to it."""
    with attached(pid, expressions=(f"trace={SYNCS}", f"inject={SYNCS}:error=EIO")):
        yield


@contextmanager
def team_on(folder: Path, *program: str) -> Iterator[tuple[Sluiced, Team]]:
    """A server started by that program, and a team with a campaign on it."""
    with running(folder, program or SLUICED) as server, Team(server, folder / "models") as team:
        team.create_project("p")
        team.start("vans", axis=0)
        yield server, team


def batch_of(team: Team, *frame_ids: str) -> ingest_pb2.SubmitBatch:
    """A batch of frames that match nothing."""
    campaign = team.campaigns.get(team.started["vans"])
    scored_by = [ScoredBy(campaign.name, 1, campaign.version.model_digest)]
    scores = np.full((len(frame_ids), 1), 0.1)
    embeddings = Embeddings.of_frames(MODEL, np.ones((len(frame_ids), DIMENSION), np.float32))
    scored = ScoredFrames(
        frame_ids, lambda index: Frame(id=frame_ids[index]), embeddings, scores, scored_by
    )
    return make_batch(scored, scores >= 0.5)


def test_nothing_is_acknowledged_that_is_not_flushed(tmp_path: Path) -> None:
    """While the log cannot be flushed, batches stay open; after that they count once."""
    with team_on(tmp_path / "safe") as (server, team):
        session = SubmitSession(team.channel, team.project, patience_s=1)
        session.submit(batch_of(team, "a"))
        session.flush()
        with failing_flushes(server.pid):
            session.submit(batch_of(team, "b"))
            with pytest.raises(errors.Unavailable):
                session.flush()
            assert 1 == session.acknowledged
        session.flush()
        assert 2 == session.acknowledged == team.funnel("vans").seen
        session.close()


def test_this_would_show_a_log_that_is_not_flushed(tmp_path: Path) -> None:
    """With flushing left to the operating system the same batch is acknowledged all the same."""
    with team_on(tmp_path / "unsafe", str(UNSAFE)) as (server, team):
        session = SubmitSession(team.channel, team.project, patience_s=1)
        session.submit(batch_of(team, "a"))
        session.flush()
        with failing_flushes(server.pid):
            session.submit(batch_of(team, "b"))
            session.flush()
            assert 2 == session.acknowledged
        session.close()
