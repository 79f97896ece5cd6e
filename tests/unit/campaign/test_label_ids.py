"""Label ids: each belongs to one frame of its dataset."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.campaign.datasets import create_dataset
from services.campaign.elements import (
    AddElementsResult,
    add_elements,
    list_elements,
    remove_elements,
)
from services.campaign.issues import create_issue
from services.campaign.records import LabelClassRecord
from sluice.errors import InvalidArgument
from sluice.labels import TaskType
from sluice.names import DatasetName, IssueName
from tests.unit.campaign.campaign_service import (
    ALL,
    ONCE,
    PROJECT,
    CampaignService,
    make_box,
    make_candidate,
    make_candidate_set,
)
from tests.unit.campaign.faults import overtaken

OTHER = DatasetName(PROJECT.project, "other")


async def add(
    service: CampaignService, issue: IssueName, *labelled: tuple[str, str]
) -> AddElementsResult:
    """Add frames to an issue, each with a label of that id."""
    candidates = [
        make_candidate(frame_id, "", make_box(label_id)) for frame_id, label_id in labelled
    ]
    return await add_elements(service.stores, issue, make_candidate_set(candidates))


async def frame_ids(service: CampaignService, issue: IssueName) -> list[str]:
    """The frames that are elements of an issue."""
    _, stored, _ = await list_elements(service.stores, issue, ALL)
    return [element.frame_id for element in stored]


async def test_frames_of_one_call_share_no_label_id(service: CampaignService) -> None:
    """The second frame is named, with the label and its owner; nothing is added."""
    issue = await service.create_issue()
    message = r"elements\[1\]\.frame\.labels\[0\]\.id \(frame 'b'\): 'l' .* frame 'a' in projects/p"
    with pytest.raises(InvalidArgument, match=message) as refused:
        await add(service, issue, ("a", "l"), ("b", "l"))

    assert {"frame_id": "b", "label_id": "l"} == refused.value.metadata
    assert [] == await frame_ids(service, issue)
    assert 1 == (await add(service, issue, ("b", "l"))).added_count


async def test_a_label_id_is_known_in_all_issues_of_the_dataset(service: CampaignService) -> None:
    """A frame keeps its labels in every issue; no other frame may use their ids, even later."""
    first, second = await service.create_issue(), await service.create_issue()
    await add(service, first, ("a", "l"))
    await add(service, second, ("a", "l"))
    await remove_elements(service.stores, first, [("a", "")])

    with pytest.raises(InvalidArgument, match="frame 'a'"):
        await add(service, first, ("b", "l"))

    assert ([], ["a"]) == (await frame_ids(service, first), await frame_ids(service, second))


async def test_a_frame_and_its_crop_share_their_labels(service: CampaignService) -> None:
    """One call may add the same frame as a whole and as a crop."""
    issue = await service.create_issue()
    whole, crop = make_candidate("a", "", make_box("l")), make_candidate("a", "l", make_box("l"))

    added = await add_elements(service.stores, issue, make_candidate_set([whole, crop]))

    assert 2 == added.added_count


async def test_another_dataset_has_label_ids_of_its_own(service: CampaignService) -> None:
    """The same label id is another label in another dataset."""
    await create_dataset(
        service.stores, ONCE, OTHER, "", TaskType.BOX_2D, [LabelClassRecord(id=0, name="car")]
    )
    created = await create_issue(service.stores, ONCE, PROJECT, "night", OTHER)
    issue = IssueName(PROJECT.project, created.id)
    await add(service, await service.create_issue(), ("a", "l"))

    candidate = make_candidate("b", "", make_box("l"))
    moved = replace(candidate, dataset=str(OTHER))
    added = await add_elements(service.stores, issue, make_candidate_set([moved]))

    assert 1 == added.added_count


async def test_of_two_frames_at_once_one_gets_the_label_id(service: CampaignService) -> None:
    """A call that is overtaken learns that the label id is taken."""
    first, second = await service.create_issue(), await service.create_issue()
    meanwhile = add(service, first, ("a", "l"))
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", meanwhile))

    with pytest.raises(InvalidArgument, match="frame 'a'"):
        await add(late, second, ("b", "l"))

    assert (["a"], []) == (await frame_ids(service, first), await frame_ids(service, second))
