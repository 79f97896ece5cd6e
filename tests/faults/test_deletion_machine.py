"""Deletions mixed with everything else, and with crashes, leave nothing of what was deleted."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

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
from sluice.errors import NotFound, SluiceError
from tests.faults.crashes import CrashError
from tests.faults.deletion_secrets import search, secret_of, secrets_of
from tests.faults.deletion_world import DeletionWorld
from tests.qdrant_server.server import QdrantServer
from tests.redis_server import running

FRAMES = 6
"""Frames of an example; every example has its own: all projects share one blob store."""
EXAMPLES_MAX = 60
"""Each example takes up to 0.6 seconds."""

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
        self.end: tuple[tuple[int, bool] | None, bool] = None, False
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

    @rule(crash_at=crash)
    def predict(self, crash_at: tuple[int, bool] | None) -> None:
        """Import predictions of all frames that are in the dataset."""
        self.run(self.world.predict(*self.ids(range(FRAMES))), crash_at)

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
        stores, project = self.world.real, self.world.project.project
        places = [] if self.crashed else self.runner.run(search(stores, project, secrets))
        assert [] == places, places

    @precondition(lambda self: self.appended)
    @rule(crash_at=crash)
    def create_batch(self, crash_at: tuple[int, bool] | None) -> None:
        """Choose a group to label."""
        self.run(self.world.create_batch(), crash_at)

    @rule(crash_at=crash)
    def create_golden_set(self, crash_at: tuple[int, bool] | None) -> None:
        """Create a golden set."""
        self.run(self.world.create_golden_set(), crash_at)

    @precondition(lambda self: self.steps >= 4)
    @rule(crash_at=crash)
    def delete_round(self, crash_at: tuple[int, bool] | None) -> None:
        """Delete the round, and start the next one."""
        if self.run(self.world.delete_round(), crash_at):
            self.run(self.world.start_round(), None)

    @precondition(lambda self: self.world.batches)
    @rule(crash_at=crash)
    def delete_batch(self, crash_at: tuple[int, bool] | None) -> None:
        """Delete a batch."""
        self.run(self.world.delete_batch(), crash_at)

    @precondition(lambda self: self.world.golden_sets)
    @rule(crash_at=crash)
    def delete_golden_set(self, crash_at: tuple[int, bool] | None) -> None:
        """Delete a golden set."""
        self.run(self.world.delete_golden_set(), crash_at)

    @precondition(lambda self: self.steps >= 8)
    @rule(crash_at=crash)
    def delete_campaign(self, crash_at: tuple[int, bool] | None) -> None:
        """Delete the campaign; what is late is inactive from now on."""
        self.run(self.world.delete_campaign(), crash_at)

    @precondition(lambda self: self.steps >= 5)
    @rule(frames=some_frames, crash_at=crash)
    def delete_issue(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Delete the issue of the campaign, and start another one."""
        if self.run(self.world.delete_issue(), crash_at):
            self.run(self.world.start(*self.ids(frames)), None)

    @precondition(lambda self: self.steps >= 5)
    @rule(frames=some_frames, crash_at=crash)
    def delete_dataset(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Delete the dataset with its issue, and start others."""
        self.appended.clear()
        if self.run(self.world.delete_dataset(), crash_at):
            self.run(self.world.start(*self.ids(frames)), None)

    @precondition(lambda self: not self.world.has_issue)
    @rule(frames=some_frames, crash_at=crash)
    def start(self, frames: list[int], crash_at: tuple[int, bool] | None) -> None:
        """Start another campaign."""
        self.run(self.world.start(*self.ids(frames)), crash_at)

    @initialize(crash_at=crash, by_doctor=st.booleans())
    def choose_end(self, crash_at: tuple[int, bool] | None, by_doctor: bool) -> None:
        """Choose how the deletion of the project is interrupted, and what completes it."""
        self.end = crash_at, by_doctor

    def teardown(self) -> None:
        """Complete what is unfinished, and search the stores; then delete the project."""
        try:
            self.runner.run(self._check())
            self.runner.run(self._delete_project())
        finally:
            self.folder.cleanup()

    async def _check(self) -> None:
        world, frames = self.world, self.ids(range(FRAMES))
        with suppress(NotFound):  # the dataset may be deleted
            # Once more: those that are deleted must stay away.
            await world.append(*frames)
        await world.submit(str(uuid4()), await world.make_batch(*frames))
        await world.projector.drain(world.project.project)
        await world.finish_batches()
        await world.examine(repair=True)
        assert [] == await world.examine(repair=False)
        deleted = await world.find_deleted(frames)
        secrets = [secret for frame_id in deleted for secret in secrets_of(frame_id)]
        places = await search(
            world.real, world.project.project, [*secrets, *await world.list_gone()]
        )
        assert [] == places, places
        check_counts(await world.read_counts())
        stored = await read_summaries(world.stores.ledger, world.dataset, frames)
        assert deleted.isdisjoint(stored)
        assert self.appended - deleted <= stored.keys()

    async def _delete_project(self) -> None:
        world, (crash_at, by_doctor) = self.world, self.end
        late_batch = await world.make_batch(*self.ids(range(FRAMES)))
        preview = await world.delete_project(validate_only=True)
        counts = await world.read_counts()
        if crash_at is not None:
            world.countdown.start(crash_at[0], last_is_made=crash_at[1])
            with suppress(CrashError):
                await world.delete_project()
            world.restart()
            if by_doctor:
                await world.examine(repair=True)
        assert [preview] * 2 == [await world.delete_project() for _ in range(2)]
        for late in (
            world.append(*self.ids([0])),
            world.submit(str(uuid4()), late_batch or self.world.late_batch),
            world.start(*self.ids([0])),
        ):
            with suppress(NotFound):
                await late
        assert [] == await world.examine(repair=False)
        assert [] == await world.list_leftovers()
        secrets = [secret_of(owner).encode() for owner in world.owners]
        for frame_id in self.ids(range(FRAMES)):
            secrets += secrets_of(frame_id)
        places = await search(world.real, world.project.project, secrets)
        assert [] == places, places
        check_counts(await world.read_counts(counts))
        assert counts == await world.read_counts(counts)


def check_counts(counts: Mapping[str, Mapping[Count, int]]) -> None:
    """The matches of each campaign are the sum of their verdicts."""
    for funnel in counts.values():
        assert funnel[Count.MATCHES] == sum(funnel[verdict] for verdict in VERDICTS)


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
