"""Elements of an issue: what is let in, and what is there afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign import candidates as candidates_module
from services.campaign import elements as elements_module
from services.campaign.candidates import content_digest
from services.campaign.element_points import elements_collection, issue_tenant
from services.campaign.elements import add_elements, list_elements, remove_elements
from services.campaign.issues import get_issue
from services.campaign.records import ElementRecord, element_key
from services.campaign.spaces import list_spaces
from services.ledger.interface import Conflict
from sluice.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted
from sluice.labels import Classification2D, Label
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
from tests.unit.campaign.faults import InterceptedStore, failing, overtaken

COLLECTION = elements_collection(PROJECT.project, MODEL_ID, DIMENSION)


async def elements(service: CampaignService, issue: IssueName) -> list[ElementRecord]:
    """All elements of an issue."""
    _, found, _ = await list_elements(service.stores, issue, ALL)
    return found


async def points(service: CampaignService, issue: IssueName) -> dict[bytes, bytes]:
    """The vectors of an issue in the vector store, by point."""
    found = await service.stores.vectors.read(COLLECTION, issue_tenant(issue))
    return {id.bytes: row.tobytes() for id, row in zip(found.ids, found.vectors)}


async def test_added_elements_are_there_with_unit_vectors(service: CampaignService) -> None:
    """An added element has its frame in the ledger and its embedding, at length 1, in one point."""
    issue = await service.create_issue()
    crop = make_candidate("b", "l", make_box("l", "tram"))
    added = await add_elements(
        service.stores, issue, make_candidate_set([make_candidate("a"), crop])
    )

    found = await elements(service, issue)
    stored = await points(service, issue)
    lengths = [np.linalg.norm(np.frombuffer(row, np.float32)) for row in stored.values()]

    assert (2, 0, 0) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert [("a", ""), ("b", "l")] == [(e.frame_id, e.label_id) for e in found]
    assert crop.frame.to_bytes() == found[1].frame
    assert {element.point for element in found} == stored.keys()
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
    before = await get_issue(service.stores, issue), await points(service, issue)

    again = await service.add_frames(issue, "b")

    assert (0, 0, 1) == (again.added_count, again.replaced_count, again.unchanged_count)
    assert before == (await get_issue(service.stores, issue), await points(service, issue))


async def test_other_content_replaces(service: CampaignService) -> None:
    """An element sent with another embedding is replaced, and its old point is gone."""
    issue = await service.create_issue("a", "b")
    before = await points(service, issue)

    again = await service.add_frames(issue, "b", "c", seed=1)
    after = await points(service, issue)

    assert (1, 1, 0) == (again.added_count, again.replaced_count, again.unchanged_count)
    assert 3 == again.issue.element_count
    assert {element.point for element in await elements(service, issue)} == after.keys()
    assert 1 == len(before.keys() & after.keys())


async def test_another_frame_document_replaces(service: CampaignService) -> None:
    """An element whose frame says something else is replaced although its embedding is the same."""
    issue = await service.create_issue("a")
    told = make_candidate("a")
    told = replace(told, frame=replace(told.frame, device="car-1"))

    again = await add_elements(service.stores, issue, make_candidate_set([told]))

    assert (0, 1, 0) == (again.added_count, again.replaced_count, again.unchanged_count)


async def test_removed_elements_are_gone(service: CampaignService) -> None:
    """A removed element is gone with its point; one that is not there is passed over."""
    issue = await service.create_issue("a", "b", "c")

    removed = await remove_elements(service.stores, issue, [("a", ""), ("b", "l"), ("c", "")])

    assert (2, 1) == (removed.removed_count, removed.issue.element_count)
    assert ["b"] == [element.frame_id for element in await elements(service, issue)]
    assert 1 == len(await points(service, issue))
    nothing = await remove_elements(service.stores, issue, [("a", "")])
    assert (0, removed.issue) == (nothing.removed_count, nothing.issue)


async def test_elements_are_listed_by_frame_id(service: CampaignService) -> None:
    """Pages hold every element once, ordered by frame id however its characters are encoded."""
    ids = ["a", "a b", "a!", "a-1", "a.b", "a/b", "a~", "b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
    issue = await service.create_issue(*reversed(ids))

    seen, token = [], ""
    while True:
        _, found, token = await list_elements(service.stores, issue, make_page(2, token))
        seen += [element.frame_id for element in found]
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

    assert [["a"], ["b"]] == [[e.frame_id for e in found] for found in (first, second)]


@given(
    st.lists(st.tuples(st.text("\0\1a-/", max_size=3), st.text("\0\1a", max_size=2)), max_size=8)
)
def test_keys_keep_elements_apart_and_in_order(known_as: list[tuple[str, str]]) -> None:
    """Different elements have different keys, in the order of their frame ids."""
    keys = [element_key("i", *known) for known in sorted(set(known_as))]

    assert sorted(set(keys), key=str.encode) == keys


def test_a_digest_tells_where_each_part_ends() -> None:
    """Bytes that move from the frame into the label id give another digest."""
    vector = np.ones(2, np.float32)

    assert content_digest(b"ab", "c", vector) != content_digest(b"a", "bc", vector)
    assert content_digest(b"a", "", vector) != content_digest(b"a", "", vector + 1)


FOREIGN = replace(make_candidate("b"), dataset="projects/p/datasets/other")
UNKNOWN_CLASS = make_candidate("b", "", make_box("l", "bus"))
OTHER_TASK = make_candidate("b", "", Label(id="l", class_name="car", shape=Classification2D()))
NO_SUCH_LABEL = make_candidate("b", "x", make_box("l"))


@pytest.mark.parametrize(
    ("culprit", "reason", "told"),
    [
        (make_candidate("a"), "INVALID_FIELD", ["elements[1]", "'a'", "elements[0]"]),
        (FOREIGN, "DATASET_MISMATCH", ["elements[1].dataset", "'b'", "other", "datasets/d"]),
        (UNKNOWN_CLASS, "LABEL_MISMATCH", ["elements[1].frame.labels[0]", "'b'", "'l'", "'bus'"]),
        (OTHER_TASK, "LABEL_MISMATCH", ["elements[1].frame.labels[0]", "'l'", "CLASSIFICATION_2D"]),
        (NO_SUCH_LABEL, "INVALID_FIELD", ["elements[1].label_id", "'b'", "'x'", "'l'"]),
    ],
    ids=["sent twice", "dataset", "class", "task type", "crop"],
)
async def test_a_wrong_element_is_named(
    service: CampaignService, culprit: candidates_module.Candidate, reason: str, told: list[str]
) -> None:
    """An element that may not be in the issue is refused by index and ids; nothing is stored."""
    issue = await service.create_issue()

    with pytest.raises(InvalidArgument) as raised:
        await add_elements(
            service.stores, issue, make_candidate_set([make_candidate("a"), culprit])
        )

    assert reason == raised.value.reason
    assert [] == [part for part in told if part not in raised.value.message]
    assert told[0] == raised.value.fields[0].field
    assert culprit.frame.id == raised.value.metadata["frame_id"]
    assert {} == await points(service, issue)
    assert 0 == (await get_issue(service.stores, issue)).element_count


@pytest.mark.parametrize("row", [[0.0] * DIMENSION, [np.nan] * DIMENSION, [np.inf] * DIMENSION])
async def test_an_embedding_without_direction_is_named(
    service: CampaignService, row: list[float]
) -> None:
    """Zeros, NaN and infinity are refused by row and element; nothing is stored."""
    issue = await service.create_issue()
    good = [1.0] * DIMENSION

    with pytest.raises(InvalidArgument, match=r"elements\[1\] \(frame 'b'\)") as raised:
        await add_elements(
            service.stores,
            issue,
            make_candidate_set([make_candidate("a"), make_candidate("b")], np.array([good, row])),
        )

    assert ("INVALID_EMBEDDING", "1") == (raised.value.reason, raised.value.metadata["rows"])
    assert {} == await points(service, issue)


@pytest.mark.parametrize(
    ("model_id", "dimension"), [("other", DIMENSION), (MODEL_ID, DIMENSION + 1)]
)
async def test_another_space_is_refused(
    service: CampaignService, model_id: str, dimension: int
) -> None:
    """Vectors of another model or dimension than the issue's are refused."""
    issue = await service.create_issue("a")
    rows = np.ones((1, dimension), np.float32)

    with pytest.raises(InvalidArgument, match=r"elements\[0\] \(frame 'b'\)") as raised:
        await add_elements(
            service.stores,
            issue,
            replace(make_candidate_set([make_candidate("b")], rows), model_id=model_id),
        )

    assert "SPACE_MISMATCH" == raised.value.reason
    assert 1 == (await get_issue(service.stores, issue)).element_count


@pytest.mark.parametrize("rows", [1, 3])
async def test_every_element_has_one_row(service: CampaignService, rows: int) -> None:
    """More or fewer embeddings than elements are refused with both numbers."""
    issue = await service.create_issue()
    given_rows = np.ones((rows, DIMENSION), np.float32)

    with pytest.raises(InvalidArgument, match=f"embeddings: {rows} rows for 2 elements"):
        await add_elements(
            service.stores,
            issue,
            make_candidate_set([make_candidate("a"), make_candidate("b")], given_rows),
        )


@pytest.mark.parametrize("model_id", ["", "m" * 257])
async def test_a_model_has_a_name(service: CampaignService, model_id: str) -> None:
    """The embedding model is named by 1 to 256 bytes."""
    issue = await service.create_issue()

    with pytest.raises(InvalidArgument, match="model_id: "):
        await add_elements(service.stores, issue, replace(make_frames("a"), model_id=model_id))


async def test_a_call_holds_so_many_elements(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call names at least one element, and no more than the limit."""
    issue = await service.create_issue()
    monkeypatch.setattr(candidates_module, "BATCH_ROWS_MAX", 2)

    await service.add_frames(issue, "a", "b")
    with pytest.raises(InvalidArgument, match="elements: 3 in one call, 1 to 2") as raised:
        await service.add_frames(issue, "c", "d", "e")
    with pytest.raises(InvalidArgument, match="elements: 0 in one call"):
        await remove_elements(service.stores, issue, [])

    assert "TOO_LARGE" == raised.value.reason
    assert 2 == (await get_issue(service.stores, issue)).element_count


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
    assert 2 == len(await points(service, issue))


async def test_removing_twice_in_one_call_is_refused(service: CampaignService) -> None:
    """An element named twice in one call is refused."""
    issue = await service.create_issue("a")

    with pytest.raises(InvalidArgument, match=r"elements\[1\]: is a duplicate of elements\[0\]"):
        await remove_elements(service.stores, issue, [("a", ""), ("a", "")])

    assert 1 == len(await elements(service, issue))


async def test_concurrent_calls_lose_nothing(service: CampaignService) -> None:
    """Calls that add to one issue at once all succeed, and the count is exact."""
    issue = await service.create_issue()

    await asyncio.gather(
        *(service.add_frames(issue, f"{number}", f"{number + 1}", "shared") for number in range(6))
    )

    found = await elements(service, issue)
    assert 8 == len(found) == (await get_issue(service.stores, issue)).element_count
    assert {element.point for element in found} == (await points(service, issue)).keys()


async def test_a_removal_that_is_overtaken_counts_right(service: CampaignService) -> None:
    """Removing while others add keeps the count exact."""
    issue = await service.create_issue("a", "b")
    addition = service.add_frames(issue, "c", "d")
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", addition))

    removed = await remove_elements(late.stores, issue, [("a", "")])

    assert 3 == removed.issue.element_count == len(await elements(service, issue))


async def test_an_element_removed_meanwhile_is_added_again(service: CampaignService) -> None:
    """A call that is overtaken looks again: what was unchanged a moment ago may be new now."""
    issue = await service.create_issue("a")
    removal = remove_elements(service.stores, issue, [("a", "")])
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", removal))

    added = await late.add_frames(issue, "a", "b")

    found = await elements(service, issue)
    assert (2, 0, 0) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in found} == (await points(service, issue)).keys()


async def test_an_overtaken_call_leaves_no_points(service: CampaignService) -> None:
    """A point whose element somebody else added first is deleted again."""
    issue = await service.create_issue()
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.add_frames(issue, "a", "b"))
    )

    added = await late.add_frames(issue, "a", "b", "c")

    found = await elements(service, issue)
    assert (1, 0, 2) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in found} == (await points(service, issue)).keys()


async def test_a_wholly_overtaken_call_leaves_no_points(service: CampaignService) -> None:
    """When somebody else has added all of it first, nothing of a call is left over."""
    issue = await service.create_issue()
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.add_frames(issue, "a", "b"))
    )

    added = await late.add_frames(issue, "a", "b")

    found = await elements(service, issue)
    assert (0, 0, 2) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert {element.point for element in found} == (await points(service, issue)).keys()


async def test_old_points_that_stay_fail_nobody(service: CampaignService) -> None:
    """What was asked for is done although the points it replaced cannot be deleted now."""
    issue = await service.create_issue("a", "b")
    broken = service.with_stores(vectors=failing(service.stores.vectors, "delete"))

    removed = await remove_elements(broken.stores, issue, [("a", "")])

    assert (1, 1) == (removed.removed_count, removed.issue.element_count)
    assert ["b"] == [element.frame_id for element in await elements(service, issue)]
    assert 2 == len(await points(service, issue))
    assert 1 == (await service.create_campaign(issue))[1].version.element_count


async def test_removing_and_adding_at_once_keeps_the_vector(service: CampaignService) -> None:
    """An element added while its removal is under way keeps its point, whoever deletes last."""
    issue = await service.create_issue("a")

    late = service.with_stores(
        vectors=overtaken(service.stores.vectors, "delete", service.add_frames(issue, "a"))
    )

    await remove_elements(late.stores, issue, [("a", "")])

    (element,) = await elements(service, issue)
    assert {element.point} == (await points(service, issue)).keys()


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
    nowhere = IssueName(PROJECT.project, "none")

    with pytest.raises(NotFound, match=str(nowhere)):
        await service.add_frames(nowhere, "a")
    with pytest.raises(NotFound, match=str(nowhere)):
        await remove_elements(service.stores, nowhere, [("a", "")])
    with pytest.raises(NotFound, match=str(nowhere)):
        await list_elements(service.stores, nowhere, ALL)
