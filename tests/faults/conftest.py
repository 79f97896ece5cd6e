"""A running `sluiced` whose team has started a campaign, and the command to scan with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sluiced import Sluiced, running
from tests.e2e.team import Team


@pytest.fixture
def sluiced(tmp_path: Path) -> Iterator[Sluiced]:
    """A server in a process of its own."""
    with running(tmp_path / "sluiced") as server:
        yield server


@pytest.fixture
def team(sluiced: Sluiced, tmp_path: Path) -> Iterator[Team]:
    """A project with a campaign that looks for what is near the first axis."""
    with Team(sluiced, tmp_path / "models") as found:
        found.create_project("p")
        found.start("vans", axis=0)
        yield found
