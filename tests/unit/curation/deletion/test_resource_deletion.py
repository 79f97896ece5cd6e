"""Rounds, batches and golden sets are deleted once, and completely."""

from __future__ import annotations

from contextlib import suppress

import pytest

from services.curation.batches.delete_batch import BatchDeletion
from services.curation.golden.delete_golden_set import GoldenSetDeletion
from services.curation.resource_deletion import ResourceDeletion, delete_resource
from services.curation.rounds.delete_round import RoundDeletion
from services.doctor.findings import FindingKind
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import NotFound, Unavailable
from sluice.names import BatchName, GoldenSetName, RoundName
from tests.unit.campaign.faults import failing
from tests.unit.curation.datasets.harness import NAME, DatasetHarness
from tests.unit.curation.doctor.scene import ROUND, Scene, examine

PARENT = NAME.project, NAME.dataset
DELETIONS = [
    (RoundDeletion(ROUND), DeletionCounts(predictions=2)),
    (BatchDeletion(BatchName(*PARENT, "b1")), DeletionCounts(picks=3)),
    (GoldenSetDeletion(GoldenSetName(*PARENT, "g")), DeletionCounts(checks=1)),
]
KINDS = ["round", "batch", "golden set"]


async def delete(
    harness: DatasetHarness, deletion: ResourceDeletion, *, validate_only: bool = False
) -> DeletionCounts:
    """Delete a resource."""
    return await delete_resource(harness.curation, deletion, validate_only=validate_only)


async def read_keys(scene: Scene) -> list[str]:
    """All keys of the project."""
    pages = scan_pages(scene.stores.ledger, NAME.project, "")
    return [entry.key async for page in pages for entry in page]


@pytest.mark.parametrize(("deletion", "counts"), DELETIONS, ids=KINDS)
async def test_a_deletion_is_the_same_twice(
    scene: Scene, deletion: ResourceDeletion, counts: DeletionCounts
) -> None:
    """A preview, the deletion and its repetition have one answer; the doctor is quiet."""
    before = await read_keys(scene)
    preview = await delete(scene.harness, deletion, validate_only=True)
    assert before == await read_keys(scene)

    answers = [await delete(scene.harness, deletion) for _ in range(2)]

    assert [counts] * 3 == [preview, *answers]
    assert counts == await delete(scene.harness, deletion, validate_only=True)
    for later in (False, True):
        assert [] == await examine(scene.harness, later=later)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize(("deletion", "counts"), DELETIONS, ids=KINDS)
async def test_the_doctor_completes_a_deletion(
    scene: Scene, deletion: ResourceDeletion, counts: DeletionCounts, at: int
) -> None:
    """Wherever a deletion stops after its first step, the doctor reports and completes it."""
    broken = scene.harness.with_stores(ledger=failing(scene.stores.ledger, "commit", at=at))
    with suppress(Unavailable):
        await delete(broken, deletion)
    assert [] == await examine(scene.harness, later=False)
    found = await examine(scene.harness, repair=True)

    assert {finding.kind for finding in found} <= {FindingKind.DELETION_UNFINISHED}
    assert [] == await examine(scene.harness)
    repaired = sorted(await read_keys(scene))
    assert counts == await delete(scene.harness, deletion)
    if at > 1:
        assert repaired == sorted(await read_keys(scene))


@pytest.mark.parametrize(
    "deletion",
    [
        RoundDeletion(RoundName(*PARENT, "x")),
        BatchDeletion(BatchName(*PARENT, "x")),
        GoldenSetDeletion(GoldenSetName(*PARENT, "x")),
    ],
    ids=KINDS,
)
async def test_a_missing_resource_is_named(scene: Scene, deletion: ResourceDeletion) -> None:
    """What never existed cannot be deleted, and gets no tombstone."""
    before = await read_keys(scene)

    with pytest.raises(NotFound, match="/x does not exist"):
        await delete(scene.harness, deletion)

    assert before == await read_keys(scene)
