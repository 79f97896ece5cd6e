"""The path of a ledger's file."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the test's ledger."""
    return tmp_path / "ledger.sqlite"
