"""Elements of an issue: added, replaced, removed and listed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from services.campaign import elements as elements_module
from services.campaign.elements import add_elements, list_elements, remove_elements
from services.campaign.issues import get_issue
from services.campaign.spaces import list_spaces
from services.ledger.interface import Conflict
from sluice.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted
from sluice.names import IssueName
from tests.unit.campaign.campaign_service import (
    ALL,
    DIMENSION,
    MODEL_ID,
    PROJECT,
    CampaignService,
    make_box,
    make_candidate,
    make_candidate_set,
    make_frames,
    make_page,
)
from tests.unit.campaign.faults import InterceptedStore, overtaken


async def test_added_elements_are_there_with_unit_vectors(service: CampaignService) -> None:
    """An added element has its frame in the ledger and its embedding, at length 1, in one point."""
    issue = await service.create_issue()
    crop = make_candidate("b", "l", make_box("l", "tram"))
    added = await add_elements(
        service.stores, issue, make_candidate_set([make_candidate("a"), crop])
    )

    elements = await service.list_elements(issue)
    points = await service.read_points(issue)
    lengths = [np.linalg.norm(np.frombuffer(row, np.float32)) for row in points.values()]

    assert (2, 0, 0) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert [("a", ""), ("b", "l")] == [(e.frame_id, e.label_id) for e in elements]
    assert crop.frame.to_bytes() == elements[1].frame
    assert {element.point for element in elements} == points.keys()
    assert [1, 1] == pytest.approx(lengths)


async def test_the_first_element_decides_the_space(service: CampaignService) -> None:
    """An issue has no space until its first element; from then on the project has that space."""
    issue = await service.create_issue()
    assert ("", 0) == ((await get_issue(service.stores, issue)).model_id, 0)

    added = await service.add_frames(issue, "a")
    spaces, _ = await list_spaces(service.stores, PROJECT, ALL)

    assert (MODEL_ID, DIMENSION, 1) == (
        added.issue.model_id,
        added.issue.dimension,
        added.issue.element_count,
    )
    assert [(MODEL_ID, DIMENSION, "")] == [
        (s.model_id, s.dimension, s.basis_digest) for s in spaces
    ]


async def test_the_same_content_changes_nothing(service: CampaignService) -> None:
    """Adding what is there already changes neither the issue nor a point."""
    issue = await service.create_issue("a", "b")
    before = await get_issue(service.stores, issue), await service.read_points(issue)

    again = await service.add_frames(issue, "b")

    assert (0, 0, 1) == (again.added_count, again.replaced_count, again.unchanged_count)
    assert before == (await get_issue(service.stores, issue), await service.read_points(issue))


async def test_other_content_replaces(service: CampaignService) -> None:
    """An element sent with another embedding is replaced, and its old point is gone."""
    issue = await service.create_issue("a", "b")
    before = await service.read_points(issue)

    again = await service.add_frames(issue, "b", "c", seed=1)
    after = await service.read_points(issue)

    assert (1, 1, 0) == (again.added_count, again.replaced_count, again.unchanged_count)
    assert 3 == again.issue.element_count
    assert {element.point for element in await service.list_elements(issue)} == after.keys()
    assert 1 == len(before.keys() & after.keys())


async def test_another_frame_document_replaces(service: CampaignService) -> None:
    """An element with another frame document is replaced although its embedding is the same."""
    issue = await service.create_issue("a")
    changed = make_candidate("a")
    changed = replace(changed, frame=replace(changed.frame, device="car-1"))

    again = await add_elements(service.stores, issue, make_candidate_set([changed]))

    assert (0, 1, 0) == (again.added_count, again.replaced_count, again.unchanged_count)


async def test_removed_elements_are_gone(service: CampaignService) -> None:
    """A removed element is gone with its point; one that is not there is passed over."""
    issue = await service.create_issue("a", "b", "c")

    removed = await remove_elements(service.stores, issue, [("a", ""), ("b", "l"), ("c", "")])

    assert (2, 1) == (removed.removed_count, removed.issue.element_count)
    assert ["b"] == [element.frame_id for element in await service.list_elements(issue)]
    assert 1 == len(await service.read_points(issue))
    nothing = await remove_elements(service.stores, issue, [("a", "")])
    assert (0, removed.issue) == (nothing.removed_count, nothing.issue)


async def test_elements_are_listed_by_frame_id(service: CampaignService) -> None:
    """Pages hold every element once, ordered by frame id however its characters are encoded."""
    ids = ["a", "a b", "a!", "a-1", "a.b", "a/b", "a~", "b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
    issue = await service.create_issue(*reversed(ids))

    seen, token = [], ""
    while True:
        _, stored, token = await list_elements(service.stores, issue, make_page(2, token))
        seen += [element.frame_id for element in stored]
        if not token:
            break

    assert ids == seen


async def test_a_page_of_large_frames_is_short(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page ends before it outgrows a message, but always has an element."""
    issue = await service.create_issue("a", "b", "c")
    monkeypatch.setattr(elements_module, "PAGE_BYTES_MAX", 1)

    _, first, token = await list_elements(service.stores, issue, make_page(2))
    _, second, _ = await list_elements(service.stores, issue, make_page(2, token))

    assert [["a"], ["b"]] == [[e.frame_id for e in stored] for stored in (first, second)]


@pytest.mark.parametrize("model_id", ["", "m" * 257])
async def test_a_model_has_a_name(service: CampaignService, model_id: str) -> None:
    """The embedding model is named by 1 to 256 bytes."""
    issue = await service.create_issue()

    with pytest.raises(InvalidArgument, match="model_id: "):
        await add_elements(service.stores, issue, replace(make_frames("a"), model_id=model_id))


async def test_an_issue_holds_so_many_elements(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its limit an issue takes no new element, but still lets one be replaced."""
    issue = await service.create_issue("a")
    monkeypatch.setattr(elements_module, "ELEMENTS_PER_ISSUE_MAX", 2)

    with pytest.raises(ResourceExhausted, match="would make 3, at most 2") as raised:
        await service.add_frames(issue, "b", "c")
    filled = await service.add_frames(issue, "a", "b", seed=1)

    assert ("LIMIT_REACHED", "2") == (raised.value.reason, raised.value.metadata["limit"])
    assert (1, 1, 2) == (filled.added_count, filled.replaced_count, filled.issue.element_count)
    assert 2 == len(await service.read_points(issue))


async def test_removing_twice_in_one_call_is_refused(service: CampaignService) -> None:
    """An element named twice in one call is refused."""
    issue = await service.create_issue("a")

    with pytest.raises(InvalidArgument, match=r"elements\[1\]: is a duplicate of elements\[0\]"):
        await remove_elements(service.stores, issue, [("a", ""), ("a", "")])

    assert 1 == len(await service.list_elements(issue))


async def test_concurrent_calls_lose_nothing(service: CampaignService) -> None:
    """Calls that add to one issue at once all succeed, and the count is exact."""
    issue = await service.create_issue()

    await asyncio.gather(
        *(service.add_frames(issue, f"{number}", f"{number + 1}", "shared") for number in range(6))
    )

    stored = await service.list_elements(issue)
    assert 8 == len(stored) == (await get_issue(service.stores, issue)).element_count
    assert {element.point for element in stored} == (await service.read_points(issue)).keys()


async def test_a_removal_that_is_overtaken_counts_right(service: CampaignService) -> None:
    """Removing while others add keeps the count exact."""
    issue = await service.create_issue("a", "b")
    addition = service.add_frames(issue, "c", "d")
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", addition))

    removed = await remove_elements(late.stores, issue, [("a", "")])

    assert 3 == removed.issue.element_count == len(await service.list_elements(issue))


async def test_an_element_removed_meanwhile_is_added_again(service: CampaignService) -> None:
    """A call that is overtaken looks again: what was unchanged a moment ago may be new now."""
    issue = await service.create_issue("a")
    removal = remove_elements(service.stores, issue, [("a", "")])
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", removal))

    added = await late.add_frames(issue, "a", "b")

    stored = await service.list_elements(issue)
    assert (2, 0, 0) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in stored} == (await service.read_points(issue)).keys()


async def test_an_overtaken_call_leaves_no_points(service: CampaignService) -> None:
    """A point whose element somebody else added first is deleted again."""
    issue = await service.create_issue()
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.add_frames(issue, "a", "b"))
    )

    added = await late.add_frames(issue, "a", "b", "c")

    stored = await service.list_elements(issue)
    assert (1, 0, 2) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in stored} == (await service.read_points(issue)).keys()


async def test_a_wholly_overtaken_call_leaves_no_points(service: CampaignService) -> None:
    """When somebody else has added all of it first, nothing of a call is left over."""
    issue = await service.create_issue()
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.add_frames(issue, "a", "b"))
    )

    added = await late.add_frames(issue, "a", "b")

    stored = await service.list_elements(issue)
    assert (0, 0, 2) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in stored} == (await service.read_points(issue)).keys()


async def test_changes_that_never_settle_are_given_up(service: CampaignService) -> None:
    """A call that others always overtake ends with ABORTED."""
    issue = await service.create_issue()

    async def refuse(*_: object) -> None:
        raise Conflict("issue", "has changed")

    with pytest.raises(Aborted, match=str(issue)):
        await service.with_stores(
            ledger=InterceptedStore(service.stores.ledger, "commit", refuse)
        ).add_frames(issue, "a")


async def test_elements_need_an_issue(service: CampaignService) -> None:
    """An issue that does not exist is not found, and named."""
    missing = IssueName(PROJECT.project, "none")

    with pytest.raises(NotFound, match=str(missing)):
        await service.add_frames(missing, "a")
    with pytest.raises(NotFound, match=str(missing)):
        await remove_elements(service.stores, missing, [("a", "")])
    with pytest.raises(NotFound, match=str(missing)):
        await list_elements(service.stores, missing, ALL)
