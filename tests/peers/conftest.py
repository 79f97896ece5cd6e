"""FiftyOne with a database of its own, and a server of the main environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sluice.v1 import dataset_pb2
from tests.e2e import sluiced
from tests.e2e.sluiced import Server
from tests.e2e.team import Team

ROOT = Path(__file__).resolve().parents[2]

# FiftyOne reads these when it is imported, and keeps its files below HOME.
_home = tempfile.TemporaryDirectory(prefix="fiftyone-", ignore_cleanup_errors=True)
os.environ.update(
    HOME=_home.name,
    FIFTYONE_DATABASE_DIR=f"{_home.name}/database",
    FIFTYONE_DO_NOT_TRACK="true",
    FIFTYONE_SHOW_PROGRESS_BARS="false",
)

import fiftyone as fo  # noqa: E402 - after its settings

NewDataset = Callable[..., str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All services in one process, for all tests; each has a project of its own."""
    folder = tmp_path_factory.mktemp("server") / "server"
    with sluiced.running(folder, python=str(ROOT / ".venv" / "bin" / "python")) as started:
        yield started


@pytest.fixture
def team(server: Server, tmp_path: Path) -> Iterator[Team]:
    """A project with a dataset `d` of boxes."""
    with Team(server, tmp_path / "models") as team:
        team.create_project(f"p{uuid4().hex[:12]}")
        yield team


@pytest.fixture
def new_dataset(team: Team) -> NewDataset:
    """Creates a dataset with a task type and the class `van`; returns its name."""

    def create(task: str) -> str:
        dataset = dataset_pb2.Dataset(
            task_type=f"TASK_TYPE_{task.upper()}",
            classes=[dataset_pb2.LabelClass(id=1, name="van")],
        )
        return team.projects.create_dataset(team.project, task.replace("_", "-"), dataset).name

    return create


@pytest.fixture
def flat() -> Iterator[Any]:
    """An empty FiftyOne dataset without groups."""
    dataset = fo.Dataset()
    yield dataset
    dataset.delete()


@pytest.fixture
def grouped() -> Iterator[Any]:
    """An empty FiftyOne dataset with groups; `left` is the active slice."""
    dataset = fo.Dataset()
    dataset.add_group_field("scene", default="left")
    yield dataset
    dataset.delete()
