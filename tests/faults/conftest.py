"""Servers of both forms whose team has started a campaign, and random moments to fail at."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import cluster as local
from deploy.local.cluster import Cluster
from tests.e2e.sluiced import Sluiced, running
from tests.e2e.team import Team
from tests.faults.fleet import Fleet


@pytest.fixture
def sluiced(tmp_path: Path) -> Iterator[Sluiced]:
    """A server in a process of its own."""
    with running(tmp_path / "sluiced") as server:
        yield server


@pytest.fixture
def team(sluiced: Sluiced, tmp_path: Path) -> Iterator[Team]:
    """A project with a campaign that looks for what is near the first axis."""
    with Team(sluiced, tmp_path / "models") as team:
        team.create_project("p")
        team.start("vans", axis=0)
        yield team


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all tests, since its start takes seconds."""
    folder = tmp_path_factory.mktemp("faults") / "cluster"
    with local.running(folder, scorers=2, ingesters=2, settings={"grace_s": "3"}) as started:
        yield started


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """A cluster of which every process runs, whatever the test before has done to it."""
    shared_cluster.start()
    return shared_cluster


@pytest.fixture
def fleet(cluster: Cluster, tmp_path: Path) -> Iterator[Fleet]:
    """A project of the test's own on the cluster, and its loggers."""
    with Fleet(cluster, tmp_path / "models") as started:
        yield started


@pytest.fixture
def moments() -> random.Random:
    """Random moments; the seed is printed, to be used again."""
    seed = int(os.environ.get("SLUICE_FAULT_SEED", random.SystemRandom().randrange(10**6)))
    sys.stdout.write(f"SLUICE_FAULT_SEED={seed}\n")
    return random.Random(seed)  # noqa: S311 - moments are not secret
