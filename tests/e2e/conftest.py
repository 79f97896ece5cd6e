"""The services in each deployment form, and a team that has started campaigns on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from deploy.local import cluster
from tests.e2e import sluiced
from tests.e2e.sluiced import Server
from tests.e2e.team import Team

FORMS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "embedded": sluiced.running,
    "cluster": cluster.running,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of a server against each form, or against the server of --target."""
    if "form" in metafunc.fixturenames:
        target = metafunc.config.getoption("target")
        metafunc.parametrize("form", [target] if target else list(FORMS), scope="module")


@pytest.fixture
def server(form: str, tmp_path: Path) -> Iterator[Server]:
    """All services, in processes of their own."""
    with FORMS[form](tmp_path / "server") as started:
        yield started


@pytest.fixture(scope="module")
def standing_server(form: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a module that do not change it; a cluster starts slowly."""
    with FORMS[form](tmp_path_factory.mktemp("standing") / "server") as started:
        yield started


@pytest.fixture
def team(server: Server, tmp_path: Path) -> Iterator[Team]:
    """A project with two campaigns: `vans` is near the first axis, `trams` near the second."""
    with Team(server, tmp_path / "models") as team:
        team.create_project("p")
        team.start("vans", axis=0)
        team.start("trams", axis=1)
        yield team
