"""Projects are registered once, before they have anything in their outbox."""

from __future__ import annotations

import pytest

from services.ingest import projects
from services.ingest.projects import is_registered, list_projects, register_project
from tests.unit.ingest.harness import IngestHarness


async def test_registered_projects_are_listed(
    harness: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every registered project is listed once, over all pages."""
    monkeypatch.setattr(projects, "_PAGE", 2)
    ledger = harness.stores.ledger
    assert [] == await list_projects(ledger)
    for project in ("b", "a", "e", "d", "c", "a"):
        await register_project(ledger, project)
    assert ["a", "b", "c", "d", "e"] == await list_projects(ledger)


async def test_a_project_is_registered(harness: IngestHarness) -> None:
    """A project is registered from its first session on."""
    ledger = harness.stores.ledger
    assert not await is_registered(ledger, "a")
    await register_project(ledger, "a")
    assert await is_registered(ledger, "a")
    assert not await is_registered(ledger, "b")
