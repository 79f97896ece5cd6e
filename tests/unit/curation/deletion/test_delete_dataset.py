"""A deleted dataset leaves nothing but counters and tombstones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from services.curation.datasets.delete_dataset import (
    KEY_PREFIXES,
    DatasetDeletion,
    ExistingDatasets,
)
from services.curation.resource_deletion import delete_resource
from services.doctor.findings import FindingKind
from services.records.records import prefix
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, NotFound, Unavailable
from tests.unit.campaign.faults import failing
from tests.unit.curation.batches.helpers import create
from tests.unit.curation.datasets.harness import NAME, DatasetHarness, FakeRemovals
from tests.unit.curation.deletion.test_delete_golden_set import list_files
from tests.unit.curation.doctor.scene import FRAMES, TENANT, Scene, examine

COUNTS = DeletionCounts(
    frames=26, predictions=2, picks=3, checks=1, rounds=1, batches=1, golden_sets=1
)


async def delete(harness: DatasetHarness, *, validate_only: bool = False) -> DeletionCounts:
    """Delete the dataset."""
    deletion = DatasetDeletion(NAME)
    return await delete_resource(harness.curation, deletion, validate_only=validate_only)


async def read_keys(scene: Scene) -> list[str]:
    """The keys of the dataset's records."""
    keys: list[str] = []
    for parent in (*KEY_PREFIXES, "dataset-frames"):
        async for page in scan_pages(scene.stores.ledger, NAME.project, prefix(parent)):
            keys += [entry.key for entry in page]
    return keys


def removals_of(scene: Scene) -> FakeRemovals:
    """The campaign service of the scene."""
    removals = scene.harness.curation.others.removals
    assert isinstance(removals, FakeRemovals)
    return removals


async def test_everything_is_deleted(scene: Scene) -> None:
    """Records, points and files are gone; the campaign service has removed the dataset."""
    counts = await delete(scene.harness)

    assert COUNTS == counts
    assert [] == await read_keys(scene)
    assert 0 == await scene.stores.vectors.count(FRAMES, TENANT)
    assert set() == await list_files(scene)
    assert [NAME] == removals_of(scene).removed
    for later in (False, True):
        assert [] == await examine(scene.harness, later=later)


async def test_the_answer_is_the_same_twice(scene: Scene) -> None:
    """A preview changes nothing, and has the answer of the deletion and of its repetition."""
    before = await read_keys(scene)

    preview = await delete(scene.harness, validate_only=True)

    assert before == await read_keys(scene)
    assert [preview, preview] == [await delete(scene.harness), await delete(scene.harness)]


async def test_a_dataset_with_issues_is_kept(scene: Scene) -> None:
    """What the campaign service refuses is not deleted at all."""
    before = await read_keys(scene)
    removals_of(scene).error = FailedPrecondition("it has an issue")

    with pytest.raises(FailedPrecondition):
        await delete(scene.harness)

    assert before == await read_keys(scene)


async def test_a_deleted_dataset_does_not_exist(scene: Scene) -> None:
    """Calls for a deleted dataset are refused, though the campaign service's answer is kept."""
    curation = scene.harness.curation
    existing = ExistingDatasets(curation.stores.ledger, curation.others.datasets)
    others = replace(curation.others, datasets=existing)
    harness = DatasetHarness(replace(curation, others=others))
    await harness.append("new")

    await delete(harness)

    with pytest.raises(NotFound, match="was deleted"):
        await harness.append("newer")
    with pytest.raises(NotFound, match="was deleted"):
        await create(harness, "b2", count=1)
    assert [] == await read_keys(scene)


@pytest.mark.parametrize("at", [1, 2, 5, 12])
@pytest.mark.parametrize("store", ["ledger.commit", "vectors.delete_tenant"])
async def test_the_doctor_completes_a_deletion(scene: Scene, store: str, at: int) -> None:
    """Wherever a deletion stops after its first step, the doctor reports and completes it."""
    name, method = store.split(".")
    broken = scene.harness.with_stores(
        **{name: failing(getattr(scene.stores, name), method, at=at)}
    )
    with suppress(Unavailable):
        await delete(broken)
    assert [] == await examine(scene.harness, later=False)

    found = await examine(scene.harness, repair=True)

    assert {finding.kind for finding in found} <= {FindingKind.DELETION_UNFINISHED}
    assert [] == await examine(scene.harness)
    assert COUNTS == await delete(scene.harness)
    assert [] == await read_keys(scene)


async def test_another_dataset_stays(scene: Scene) -> None:
    """A dataset with a name that begins alike keeps its records."""
    await scene.write(puts={"dataset-frames/d2": b"", "frame/d2/x": b""})

    await delete(scene.harness)

    assert ["frame/d2/x", "dataset-frames/d2"] == await read_keys(scene)
