from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from demo.classifier import MODEL_ID
from demo.review import list_samples, wait_for_funnel
from demo.scan import Batch, Progress, Scan
from demo.sluiced import Server, running_sluiced
from demo.team import Project, create_issue, open_project, set_background, start_campaign
from sluice.channel import connect
from sluice.errors import FailedPrecondition, InvalidArgument, Unavailable
from sluice.frames import Frame

DIMENSION = 64
BATCHES, BATCH_FRAMES = 20, 32  # more batches than may be under way at once


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A new server."""
    with running_sluiced(tmp_path / "sluice-data", tmp_path / "sluiced.log") as server:
        yield server


@pytest.fixture
async def project(server: Server) -> AsyncIterator[Project]:
    """An empty project."""
    async with open_project(server.address, server.admin_key) as project:
        yield project


def make_batches(near: np.ndarray | None = None) -> list[Batch]:
    """Batches of random vectors; the first frame of each is close to `near`."""
    rng = np.random.default_rng(0)
    batches = []
    for number in range(BATCHES):
        vectors = rng.normal(size=(BATCH_FRAMES, DIMENSION)).astype(np.float32)
        if near is not None:
            vectors[0] = near + 0.3 * vectors[0]
        frames = [Frame(id=f"{number}/{row}") for row in range(BATCH_FRAMES)]
        batches.append(Batch(frames, vectors))
    return batches


def make_scan(project: Project) -> Scan:
    """A scan of the project."""
    return Scan(project.log, project=project.name, model_id=MODEL_ID, logger="test")


async def ignore(progress: Progress) -> None:
    """Ignore progress."""


async def test_all_frames_are_seen_and_matches_collected(project: Project) -> None:
    """Every batch is acknowledged in order, and frames like the issue become samples."""
    target = np.zeros(DIMENSION, np.float32)
    target[0] = 12  # random vectors have a length of 8
    element = Batch([Frame(id="element")], target[None])
    issue = await create_issue(project, "an issue", element)
    await set_background(project, np.concatenate([batch.vectors for batch in make_batches()]))
    campaign = await start_campaign(project, issue.name)
    seen: list[int] = []

    async def note(progress: Progress) -> None:
        seen.append(progress.seen)

    progress = await make_scan(project).run(make_batches(near=target), note)
    funnel = await wait_for_funnel(project, campaign.name)
    samples = await list_samples(project, campaign.name)

    assert [BATCH_FRAMES * (number + 1) for number in range(BATCHES)] == seen
    assert BATCHES * BATCH_FRAMES == progress.seen == funnel.seen
    assert {"pending": funnel.matches} == progress.verdicts
    assert funnel.collected == len(samples)
    assert {f"{number}/0" for number in range(BATCHES)} & {s.frame.id for s in samples}


async def test_a_rejected_batch_ends_the_scan_with_its_error(project: Project) -> None:
    """A vector with a NaN is rejected with its row, and the scan ends at once."""
    batches = make_batches()
    batches[3].vectors[5, 2] = np.nan

    with pytest.raises(InvalidArgument, match="row 5"):
        await make_scan(project).run(batches, ignore)


async def test_a_failing_observer_ends_the_scan(project: Project) -> None:
    """An exception of the progress callback ends the scan, unchanged."""

    async def fail(progress: Progress) -> None:
        raise FailedPrecondition("seen enough")

    with pytest.raises(FailedPrecondition, match="seen enough"):
        await make_scan(project).run(make_batches(), fail)


async def test_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    """A scan of a stopped server fails with Unavailable, which can be retried."""
    with running_sluiced(tmp_path / "sluice-data", tmp_path / "sluiced.log") as server:
        pass
    async with connect(server.address, server.admin_key) as channel:
        scan = Scan(channel, project="projects/p", model_id=MODEL_ID, logger="test")

        with pytest.raises(Unavailable):
            await scan.run(make_batches(), ignore)
