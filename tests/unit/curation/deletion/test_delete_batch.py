"""A deleted batch leaves its picks and its view; frames keep their status and tags."""

from __future__ import annotations

import pytest

from services.curation.batches.create import view_name
from services.curation.batches.delete_batch import BatchDeletion
from services.curation.batches.read import get_batch
from services.curation.datasets.counts import count_frames
from services.curation.datasets.views import get_view
from services.curation.resource_deletion import delete_resource
from sluice.errors import AlreadyExists, NotFound
from sluice.names import BatchName
from tests.unit.curation.batches.helpers import create, picks
from tests.unit.curation.datasets.harness import NAME
from tests.unit.curation.doctor.scene import Scene

NAME_OF_BATCH = BatchName(NAME.project, NAME.dataset, "b1")


async def test_a_batch_is_deleted_with_its_picks(scene: Scene) -> None:
    """Batch, picks and view are gone; its groups stay selected, and keep its tag."""
    curation = scene.harness.curation
    [first, *_] = await picks(scene.harness)
    before = await count_frames(curation, NAME)

    await delete_resource(curation, BatchDeletion(NAME_OF_BATCH), validate_only=False)

    for read in (get_batch(curation, NAME_OF_BATCH), get_view(curation, view_name(NAME_OF_BATCH))):
        with pytest.raises(NotFound):
            await read
    assert [] == await picks(scene.harness)
    assert before == await count_frames(curation, NAME)
    assert "batch:b1" in (await scene.row(first.frames[0])).tags


async def test_the_id_is_not_used_again(scene: Scene) -> None:
    """A batch of the same id is refused."""
    deletion = BatchDeletion(NAME_OF_BATCH)
    await delete_resource(scene.harness.curation, deletion, validate_only=False)

    with pytest.raises(AlreadyExists, match="'b1' was deleted"):
        await create(scene.harness, "b1", count=3)
