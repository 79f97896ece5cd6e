"""In one dataset a label id is one frame's."""

from __future__ import annotations

import pytest

from services.campaign.datasets import create_dataset
from services.campaign.elements import Added, add_elements, list_elements, remove_elements
from services.campaign.issues import create_issue
from services.campaign.records import LabelClass
from sluice.errors import InvalidArgument
from sluice.labels import TaskType
from sluice.names import DatasetName, IssueName
from tests.unit.campaign.faults import overtaken
from tests.unit.campaign.world import ALL, ONCE, PROJECT, World, box, candidate, candidates_of

OTHER = DatasetName(PROJECT.project, "other")


async def add(here: World, issue: IssueName, *labelled: tuple[str, str]) -> Added:
    """Add frames to an issue, each with a label of that id."""
    given = [candidate(frame_id, "", box(label_id)) for frame_id, label_id in labelled]
    return await add_elements(here.stores, issue, candidates_of(given))


async def frame_ids(here: World, issue: IssueName) -> list[str]:
    """The frames that are elements of an issue."""
    _, found, _ = await list_elements(here.stores, issue, ALL)
    return [element.frame_id for element in found]


async def test_frames_of_one_call_share_no_label_id(here: World) -> None:
    """The second frame is named, with the label and whose it is; nothing is added."""
    issue = await here.issue()
    told = r"elements\[1\]\.frame\.labels\[0\]\.id \(frame 'b'\): 'l' .* frame 'a' in projects/p"
    with pytest.raises(InvalidArgument, match=told) as refused:
        await add(here, issue, ("a", "l"), ("b", "l"))

    assert {"frame_id": "b", "label_id": "l"} == refused.value.metadata
    assert [] == await frame_ids(here, issue)
    assert 1 == (await add(here, issue, ("b", "l"))).added_count


async def test_a_label_id_is_known_in_all_issues_of_the_dataset(here: World) -> None:
    """A frame brings its labels to as many issues as wanted; no other frame may, even later."""
    first, second = await here.issue(), await here.issue()
    await add(here, first, ("a", "l"))
    await add(here, second, ("a", "l"))
    await remove_elements(here.stores, first, [("a", "")])

    with pytest.raises(InvalidArgument, match="frame 'a'"):
        await add(here, first, ("b", "l"))

    assert ([], ["a"]) == (await frame_ids(here, first), await frame_ids(here, second))


async def test_a_frame_and_its_crop_share_their_labels(here: World) -> None:
    """The same frame may stand in one call as a whole and as a crop."""
    issue = await here.issue()
    whole, crop = candidate("a", "", box("l")), candidate("a", "l", box("l"))

    added = await add_elements(here.stores, issue, candidates_of([whole, crop]))

    assert 2 == added.added_count


async def test_another_dataset_has_label_ids_of_its_own(here: World) -> None:
    """The same label id is another label in another dataset."""
    await create_dataset(
        here.stores, ONCE, OTHER, "", TaskType.BOX_2D, [LabelClass(id=0, name="car")]
    )
    made = await create_issue(here.stores, ONCE, PROJECT, "night", OTHER)
    issue = IssueName(PROJECT.project, made.id)
    await add(here, await here.issue(), ("a", "l"))

    given = candidate("b", "", box("l"))
    moved = type(given)(given.frame, given.label_id, str(OTHER))
    added = await add_elements(here.stores, issue, candidates_of([moved]))

    assert 1 == added.added_count


async def test_of_two_frames_at_once_one_gets_the_label_id(here: World) -> None:
    """A call that is overtaken finds out that the label id is taken by now."""
    first, second = await here.issue(), await here.issue()
    meanwhile = add(here, first, ("a", "l"))
    late = here.having(ledger=overtaken(here.stores.ledger, "commit", meanwhile))

    with pytest.raises(InvalidArgument, match="frame 'a'"):
        await add(late, second, ("b", "l"))

    assert (["a"], []) == (await frame_ids(here, first), await frame_ids(here, second))
