"""A deleted round leaves no prediction and no failure, and its id is not used again."""

from __future__ import annotations

import pytest
from msgspec import structs

from services.curation.datasets.updates import GroupUpdate, update_groups
from services.curation.records import Group, Split, Status, group_key
from services.curation.resource_deletion import delete_resource
from services.curation.rounds.delete_round import RoundDeletion
from services.curation.rounds.mining import mine_failures
from services.curation.rounds.outcomes import MatchRule
from services.curation.rounds.rounds import create_round, get_round
from services.records.records import encode
from sluice.errors import AlreadyExists, NotFound
from tests.unit.campaign.faults import overtaken
from tests.unit.curation.datasets.harness import NAME, ONCE
from tests.unit.curation.doctor.scene import ROUND, Scene


async def fail_frame(scene: Scene) -> Split:
    """Let a labelled frame with a spurious prediction be of a split that can be mined."""
    update = GroupUpdate(Status.ANNOTATED, allow_backward=True)
    await update_groups(scene.harness.curation, ONCE, NAME, ["g0"], update)
    key = group_key(NAME.dataset, "g0")
    group = await scene.read(key, Group)
    await scene.write(puts={key: encode(structs.replace(group, split=Split.TRAIN))})
    return Split.TRAIN


async def test_failures_and_predictions_are_deleted(scene: Scene) -> None:
    """Frames lose the failures and the tag of the round."""
    split = await fail_frame(scene)
    await mine_failures(scene.harness.curation, ROUND, split, MatchRule(0.5, 0.0))
    assert "failure:r1" in (await scene.row("0-left")).tags

    await delete_resource(scene.harness.curation, RoundDeletion(ROUND), validate_only=False)

    row = await scene.row("0-left")
    assert ({}, False) == (row.failures, "failure:r1" in row.tags)
    assert "night" in row.tags
    entries = await scene.stores.ledger.scan(NAME.project, "prediction/", limit=1)
    assert [] == entries
    with pytest.raises(NotFound):
        await get_round(scene.harness.curation, ROUND)


async def test_mining_that_is_overtaken_tags_nothing(scene: Scene) -> None:
    """A round that is deleted while it is mined tags no frame any more."""
    split = await fail_frame(scene)
    deletion = delete_resource(scene.harness.curation, RoundDeletion(ROUND), validate_only=False)
    slow = scene.harness.with_stores(ledger=overtaken(scene.stores.ledger, "commit", deletion))

    with pytest.raises(NotFound):
        await mine_failures(slow.curation, ROUND, split, MatchRule(0.5, 0.0))

    assert {} == (await scene.row("0-left")).failures


async def test_the_id_is_not_used_again(scene: Scene) -> None:
    """A round of the same id is refused."""
    await delete_resource(scene.harness.curation, RoundDeletion(ROUND), validate_only=False)

    with pytest.raises(AlreadyExists, match="'r1' was deleted"):
        await create_round(scene.harness.curation, ONCE, ROUND, "", Split.TEST)
