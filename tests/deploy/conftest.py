"""Each deployed service, and the secret files that an operator makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.manifests import SETTINGS, TOOLS, Service, make_secrets


@pytest.fixture(autouse=True, scope="session")
def _tools() -> None:
    assert (TOOLS / "kubectl").exists(), "`make test` makes .venv-deploy, which has kubectl"


@pytest.fixture(params=SETTINGS)
def service(request: pytest.FixtureRequest) -> Service:
    """Each of the four services."""
    return Service(request.param)


@pytest.fixture
def secret_files(tmp_path: Path) -> Path:
    """A folder with all files of the secret."""
    folder = tmp_path / "operator"
    make_secrets(folder)
    return folder
