"""Curation deletes the files of a deleted project, and counts what it had."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from services.curation.project_purge import purge_project
from services.ledger.interface import Transaction
from services.peers.projects import ProjectList
from services.records.project_marks import ProjectMark, put_mark
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition
from sluice.names import ProjectName
from tests.unit.curation.datasets.harness import NAME
from tests.unit.curation.deletion.test_delete_golden_set import GOLDEN_SET, list_files
from tests.unit.curation.doctor.scene import Scene, examine

PROJECT = ProjectName(NAME.project)


class OtherProjects:
    """`ProjectList` of the projects that are not being deleted."""

    async def list(self) -> list[str]:
        """See `ProjectList.list`."""
        return ["other"]


async def purge(scene: Scene, *, validate_only: bool = False) -> DeletionCounts:
    """Purge the project."""
    curation = scene.harness.curation
    others = replace(curation.others, projects=cast(ProjectList, OtherProjects()))
    return await purge_project(
        replace(curation, others=others), PROJECT, validate_only=validate_only
    )


async def test_the_files_of_a_marked_project_are_deleted(scene: Scene) -> None:
    """What it has is counted before; its files are deleted once it is marked, and twice is fine."""
    before = await list_files(scene)
    assert DeletionCounts(
        frames=26, predictions=2, picks=3, checks=1, rounds=1, batches=1, golden_sets=1
    ) == await purge(scene, validate_only=True)
    with pytest.raises(FailedPrecondition, match="call DeleteProject first"):
        await purge(scene)
    assert before == await list_files(scene)

    await put_mark(scene.stores.ledger, PROJECT.project, ProjectMark(deleted_us=1), {})
    for _ in range(2):
        await purge(scene)

    assert set() == await list_files(scene)
    assert [] == await examine(scene.harness)


async def test_files_that_another_project_names_stay(scene: Scene) -> None:
    """A golden set of another project with the same images keeps their file."""
    ledger, key = scene.stores.ledger, f"golden-set/{GOLDEN_SET.dataset}/{GOLDEN_SET.golden_set}"
    golden_set = (await ledger.get(PROJECT.project, [key]))[key]
    await ledger.commit(Transaction("other", puts={key: golden_set.value}))
    await put_mark(ledger, PROJECT.project, ProjectMark(deleted_us=1), {})

    await purge(scene)

    assert 1 == len(await list_files(scene))
