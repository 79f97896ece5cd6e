"""Points of elements: deleting them is best effort."""

from __future__ import annotations

from services.campaign.elements import remove_elements
from tests.unit.campaign.campaign_service import (
    CampaignService,
)
from tests.unit.campaign.faults import failing, overtaken


async def test_old_points_that_stay_fail_no_call(service: CampaignService) -> None:
    """A removal succeeds although its points cannot be deleted now."""
    issue = await service.create_issue("a", "b")
    broken = service.with_stores(vectors=failing(service.stores.vectors, "delete"))

    removed = await remove_elements(broken.stores, issue, [("a", "")])

    assert (1, 1) == (removed.removed_count, removed.issue.element_count)
    assert ["b"] == [element.frame_id for element in await service.list_elements(issue)]
    assert 2 == len(await service.read_points(issue))
    assert 1 == (await service.create_campaign(issue))[1].version.element_count


async def test_removing_and_adding_at_once_keeps_the_vector(service: CampaignService) -> None:
    """An element added while its removal is under way keeps its point, whoever deletes last."""
    issue = await service.create_issue("a")

    late = service.with_stores(
        vectors=overtaken(service.stores.vectors, "delete", service.add_frames(issue, "a"))
    )

    await remove_elements(late.stores, issue, [("a", "")])

    (element,) = await service.list_elements(issue)
    assert {element.point} == (await service.read_points(issue)).keys()
