"""A deleted golden set leaves its images, checks and files, and blocks nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.curation.golden.delete_golden_set import GoldenSetDeletion
from services.curation.golden.gate import read_gate
from services.curation.golden.golden_checks import add_check
from services.curation.golden.golden_sets import create_golden_set, get_golden_set, read_reference
from services.curation.golden.history import HistoryKey
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.records import checks_prefix, newest_key, newest_prefix
from services.curation.resource_deletion import delete_resource
from services.ledger.interface import Transaction
from sluice.errors import AlreadyExists, NotFound
from sluice.names import GoldenSetName
from tests.unit.campaign.faults import overtaken
from tests.unit.curation.batches.helpers import fail_golden_check
from tests.unit.curation.datasets.harness import NAME
from tests.unit.curation.doctor.scene import Scene, examine
from tests.unit.curation.golden.annotated_rounds import round_of

GOLDEN_SET = GoldenSetName(NAME.project, NAME.dataset, "g")
TWIN = GoldenSetName(NAME.project, NAME.dataset, "twin")


async def list_files(scene: Scene) -> set[str]:
    """All blobs."""
    everything = datetime.now(UTC) + timedelta(hours=1)
    return set(await scene.stores.blobs.list_before(everything, after="", limit=1_000))


async def copy_golden_set(scene: Scene, name: GoldenSetName) -> None:
    """Create another golden set with the same images."""
    curation = scene.harness.curation
    stored = await get_golden_set(curation.stores, GOLDEN_SET)
    images = await read_reference(curation.stores, stored)
    datasets = curation.others.datasets
    await create_golden_set(curation.stores, datasets, name, "", GoldenLimits(), images)


async def test_files_are_deleted_and_the_gate_opens(scene: Scene) -> None:
    """Only the file of the recorded round is left, and the next batch is not blocked."""
    stores = scene.stores
    assert (await read_gate(stores, NAME)).blocking

    deletion = GoldenSetDeletion(GOLDEN_SET)
    await delete_resource(scene.harness.curation, deletion, validate_only=False)

    assert [] == (await read_gate(stores, NAME)).blocking
    assert {scene.recorded.samples} == await list_files(scene)
    with pytest.raises(NotFound):
        await get_golden_set(stores, GOLDEN_SET)


async def test_files_that_others_name_stay(scene: Scene) -> None:
    """A golden set with the same images keeps them."""
    await copy_golden_set(scene, TWIN)

    deletion = GoldenSetDeletion(GOLDEN_SET)
    await delete_resource(scene.harness.curation, deletion, validate_only=False)

    twin = await get_golden_set(scene.stores, TWIN)
    assert 40 == len((await read_reference(scene.stores, twin)).images)
    assert {scene.recorded.samples, twin.annotations} == await list_files(scene)


async def test_the_id_is_not_used_again(scene: Scene) -> None:
    """A golden set of the same id is refused."""
    await copy_golden_set(scene, TWIN)
    deletion = GoldenSetDeletion(GOLDEN_SET)
    await delete_resource(scene.harness.curation, deletion, validate_only=False)

    with pytest.raises(AlreadyExists, match="'g' was deleted"):
        await fail_golden_check(scene.harness)


@pytest.mark.parametrize("verdict", ["fail", "insufficient"])
async def test_a_deletion_overtakes_a_check(scene: Scene, verdict: str) -> None:
    """A check of a golden set that is deleted meanwhile is refused, and leaves no record."""
    deletion = GoldenSetDeletion(GOLDEN_SET)
    meanwhile = delete_resource(scene.harness.curation, deletion, validate_only=False)
    slow = scene.harness.with_stores(ledger=overtaken(scene.stores.ledger, "commit", meanwhile))
    key = HistoryKey(round=2, schema_version="1", annotator="acme", guideline_version="1")
    images = 40 if verdict == "fail" else 1

    with pytest.raises(NotFound, match="goldenSets/g does not exist"):
        await add_check(slow.curation.stores, GOLDEN_SET, key, round_of(*[("car",)] * images))

    ledger, project = scene.stores.ledger, NAME.project
    for prefix in (checks_prefix(GOLDEN_SET), newest_prefix(NAME)):
        assert [] == await ledger.scan(project, prefix, limit=10)


async def test_a_file_that_a_deletion_took_is_put_again(scene: Scene) -> None:
    """A check has its files, also if a golden set with the same ones is deleted meanwhile."""
    await copy_golden_set(scene, TWIN)
    deletion = GoldenSetDeletion(GOLDEN_SET)
    meanwhile = delete_resource(scene.harness.curation, deletion, validate_only=False)
    slow = scene.harness.with_stores(ledger=overtaken(scene.stores.ledger, "commit", meanwhile))
    missed = round_of(*[("car",)] * 40)

    added = await add_check(slow.curation.stores, TWIN, scene.check.key, missed)

    assert added.added
    assert {added.record.annotations, added.record.check} <= await list_files(scene)


async def test_a_repair_does_not_name_a_check_of_a_deleted_golden_set(scene: Scene) -> None:
    """A golden set that is deleted while the doctor repairs it gets no newest check."""
    stores = scene.stores
    await stores.ledger.commit(Transaction(NAME.project, deletes=[newest_key(GOLDEN_SET)]))
    deletion = GoldenSetDeletion(GOLDEN_SET)
    meanwhile = delete_resource(scene.harness.curation, deletion, validate_only=False)
    slow = scene.harness.with_stores(ledger=overtaken(stores.ledger, "commit", meanwhile))

    await examine(slow, repair=True)

    assert [] == await stores.ledger.scan(NAME.project, newest_prefix(NAME), limit=10)
    assert [] == await examine(scene.harness)
