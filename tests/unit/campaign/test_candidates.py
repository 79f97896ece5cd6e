"""Candidates: invalid ones are rejected, naming the element."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.campaign import candidates as candidates_module
from services.campaign.candidates import content_digest
from services.campaign.elements import add_elements, remove_elements
from services.campaign.issues import get_issue
from sluice.errors import InvalidArgument
from sluice.labels import Classification2D, Label
from tests.unit.campaign.campaign_service import (
    DIMENSION,
    MODEL_ID,
    CampaignService,
    make_box,
    make_candidate,
    make_candidate_set,
)


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
    ("culprit", "reason", "message"),
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
    service: CampaignService, culprit: candidates_module.Candidate, reason: str, message: list[str]
) -> None:
    """An element that may not be in the issue is refused by index and ids; nothing is stored."""
    issue = await service.create_issue()

    with pytest.raises(InvalidArgument) as raised:
        await add_elements(
            service.stores, issue, make_candidate_set([make_candidate("a"), culprit])
        )

    assert reason == raised.value.reason
    assert [] == [part for part in message if part not in raised.value.message]
    assert message[0] == raised.value.fields[0].field
    assert culprit.frame.id == raised.value.metadata["frame_id"]
    assert {} == await service.read_points(issue)
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
    assert {} == await service.read_points(issue)


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
