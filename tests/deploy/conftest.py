"""Each service as it is deployed, and secrets as an operator makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.rendered import SETTINGS, TOOLS, Service, make_secrets


@pytest.fixture(autouse=True, scope="session")
def _tools() -> None:
    assert (TOOLS / "kubectl").exists(), "`make test` makes .venv-deploy, which has kubectl"


@pytest.fixture(params=SETTINGS)
def service(request: pytest.FixtureRequest) -> Service:
    """Each of our services."""
    return Service(request.param)


@pytest.fixture
def made_secrets(tmp_path: Path) -> Path:
    """A folder with all files of the secret."""
    folder = tmp_path / "made"
    make_secrets(folder)
    return folder
