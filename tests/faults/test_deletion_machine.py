"""Deletions mixed with everything else, and with crashes, leave nothing of a frame."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Iterable
from itertools import count
from pathlib import Path
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from services.blobs.folder import FolderBlobs
from services.curation.datasets.frames import read_summaries
from services.ingest.counters import Count
from services.ingest.records import Review
from services.ledger.interface import Ledger
from services.ledger.redis.ledger import RedisLedger
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Vectors
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.errors import SluiceError
from tests.faults.crashes import CrashError
from tests.faults.deletion_world import DeletionWorld, secrets_of
from tests.qdrant_server.server import QdrantServer
from tests.redis_server import running

FRAMES = 6
"""Frames of an example; every example has its own: all projects share one blob store."""
EXAMPLES_MAX = 60
"""Each example takes a third of a second; a deletion reads the versions of all earlier ones."""

VERDICTS = (
    Count.DUPLICATE,
    Count.OVER_BUDGET,
    Count.INACTIVE,
    Count.SCORE_MISMATCH,
    Count.PENDING,
    Count.NEAR_DUPLICATE,
    Count.COLLECTED,
)

some_frames = st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=3, unique=True)
crash = st.none() | st.tuples(st.integers(1, 12), st.booleans())
_projects = count()


class DeletionMachine(RuleBasedStateMachine):
    """Random steps of a team, some of which crash; afterwards all stores are searched."""

    runner: asyncio.Runner
    ledger: Ledger
    vectors: Vectors

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        stores = Stores(self.ledger, self.vectors, FolderBlobs(Path(self.folder.name)))
        self.world = DeletionWorld(stores, f"p{next(_projects)}")
        self.appended: set[str] = set()
        self.steps = 0
        self.crashed = False
        self.runner.run(self.world.set_up(*self.ids([0, 1])))

    def ids(self, frames: Iterable[int]) -> list[str]:
        """The ids of frames."""
        return [f"{self.world.project.project}-frame-{number}" for number in frames]

    def run(self, step: Awaitable[object], crash_at: tuple[int, bool] | None) -> bool:
        """Run a step; whether it succeeded. A crash starts the services again."""
        self.steps += 1
        if crash_at is not None:
            self.world.countdown.start(crash_at[0], last_is_made=crash_at[1])
        try:
            self.runner.run(_await(step))
        except CrashError:
            self.crashed = True
            self.world.restart()
            return False
        except SluiceError:  # refused: a deleted frame, an issue without elements
            return False
        finally:
            self.world.countdown.stop()
        return True

    @rule(frames=some_frames, crash_at=crash)
    def append(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Append frames."""
        if self.run(self.world.append(*self.ids(frames)), crash_at):
            self.appended.update(self.ids(frames))

    @rule(frames=some_frames, crash_at=crash)
    def submit(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Score and submit frames."""
        batch = self.runner.run(self.world.make_batch(*self.ids(frames)))
        self.run(self.world.submit(str(uuid4()), batch), crash_at)

    @rule(frames=some_frames)
    def score(self, frames: list[int]) -> None:
        """Score frames, to submit them much later."""
        self.world.late_batch = self.runner.run(self.world.make_batch(*self.ids(frames)))

    @precondition(lambda self: self.world.late_batch is not None)
    @rule(crash_at=crash)
    def submit_late(self, crash_at: tuple[int, bool] | None) -> None:
        """Submit what was scored before, perhaps by a former model."""
        self.run(self.world.submit(str(uuid4()), self.world.late_batch), crash_at)

    @rule(crash_at=crash)
    def project(self, crash_at: tuple[int, bool] | None) -> None:
        """Decide pending matches."""
        self.run(self.world.projector.drain(self.world.project.project), crash_at)

    @rule(frames=some_frames, review=st.sampled_from(Review), crash_at=crash)
    def review(self, frames: list[int], review: Review, crash_at: tuple[int, bool] | None) -> None:
        """Review samples."""
        self.run(self.world.review(review, *self.ids(frames)), crash_at)

    @rule(frames=some_frames, crash_at=crash)
    def pick(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Add frames to the issue."""
        self.run(self.world.pick(*self.ids(frames)), crash_at)

    @rule(frames=some_frames, crash_at=crash)
    def predict(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Import predictions."""
        self.run(self.world.predict(*self.ids(frames)), crash_at)

    @rule(with_feedback=st.booleans(), crash_at=crash)
    def commit(self, with_feedback: bool, crash_at: tuple[int, bool] | None) -> None:
        """Commit a version."""
        self.run(self.world.commit(with_feedback=with_feedback), crash_at)

    @rule(frames=some_frames, crash_at=crash)
    def delete_samples(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Delete samples of the campaign."""
        self.run(self.world.discard_copies(*self.ids(frames)), crash_at)

    @rule(frames=some_frames, crash_at=crash)
    def delete(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Delete frames; the answer is that of the preview."""
        preview = self.runner.run(self.world.delete(*self.ids(frames), validate_only=True))
        counts: list[object] = []

        async def step() -> None:
            counts.append(await self.world.delete(*self.ids(frames)))

        if self.run(step(), crash_at):
            assert [preview] == counts
            assert preview == self.runner.run(self.world.delete(*self.ids(frames)))
            self.check_gone(frames)

    def check_gone(self, frames: list[int]) -> None:
        """Frames are gone at once, unless an earlier crash has left what the doctor removes."""
        secrets = [secret for frame_id in self.ids(frames) for secret in secrets_of(frame_id)]
        places = [] if self.crashed else self.runner.run(self.world.search(secrets))
        assert [] == places, places

    @precondition(lambda self: self.steps >= 12)
    @rule(crash_at=crash)
    def delete_campaign(self, crash_at: tuple[int, bool] | None) -> None:
        """Delete the campaign; what is late is inactive from now on."""
        self.run(self.world.delete_campaign(), crash_at)

    def teardown(self) -> None:
        """Complete what is unfinished; then search the stores."""
        try:
            self.runner.run(self._check())
        finally:
            self.folder.cleanup()

    async def _check(self) -> None:
        world = self.world
        # Once more: those that are deleted must stay away.
        await world.append(*self.ids(range(FRAMES)))
        await world.submit(str(uuid4()), await world.make_batch(*self.ids(range(FRAMES))))
        await world.projector.drain(world.project.project)
        await world.examine(repair=True)
        assert [] == await world.examine(repair=False)
        frames = self.ids(range(FRAMES))
        deleted = await world.find_deleted(frames)
        secrets = [secret for frame_id in deleted for secret in secrets_of(frame_id)]
        places = await world.search(secrets) if secrets else []
        assert [] == places, places
        counts = (await world.funnel()).counts
        assert counts[Count.MATCHES] == sum(counts[verdict] for verdict in VERDICTS)
        stored = await read_summaries(world.stores.ledger, world.dataset, frames)
        assert deleted.isdisjoint(stored)
        assert self.appended - deleted <= stored.keys()


async def _await(step: Awaitable[object]) -> object:
    return await step


def run_machine(runner: asyncio.Runner, ledger: Ledger, vectors: Vectors, *, examples: int) -> None:
    """Run the machine on stores; each example has a project of its own."""
    machine = type(
        "Machine", (DeletionMachine,), {"runner": runner, "ledger": ledger, "vectors": vectors}
    )
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=20, deadline=None),
    )


def test_deletions_on_embedded_stores(tmp_path: Path) -> None:
    """Whatever happens before, meanwhile and after, a deleted frame is gone from all stores."""
    with asyncio.Runner() as runner:
        ledger = runner.run(SqliteLedger.open(tmp_path / "ledger.sqlite"))
        vectors = runner.run(EdgeVectors.open(tmp_path / "vectors"))
        try:
            run_machine(
                runner, ledger, vectors, examples=min(settings().max_examples, EXAMPLES_MAX)
            )
        finally:
            runner.run(vectors.close())
            runner.run(ledger.close())


def test_deletions_on_cluster_stores(tmp_path: Path) -> None:
    """The same on a Redis and a Qdrant server."""
    with running() as redis, asyncio.Runner() as runner:
        qdrant = runner.run(QdrantServer(tmp_path / "qdrant").start())
        ledger = runner.run(RedisLedger.open(redis.url(0)))
        vectors = runner.run(QdrantVectors.open(qdrant.url))
        try:
            run_machine(runner, ledger, vectors, examples=10)
        finally:
            runner.run(vectors.close())
            runner.run(ledger.close())
            runner.run(qdrant.stop())
