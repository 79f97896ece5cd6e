"""IssueService over gRPC."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from sluice import errors
from sluice.v1 import campaign_pb2, frame_pb2
from sluice.v1 import issue_pb2 as pb
from tests.rpc.campaign.api import (
    DATASET,
    PROJECT,
    ApiClient,
    catch_error,
    make_box,
    make_element,
    make_embeddings,
    make_request,
)


def full_frame(id: str) -> frame_pb2.Frame:
    """A frame with everything in it."""
    front = frame_pb2.SensorData(
        sensor_id="front",
        url="file:///1.png",
        media_type=frame_pb2.MEDIA_TYPE_IMAGE,
        width=9,
        height=9,
    )
    return frame_pb2.Frame(
        id=id,
        capture_time=Timestamp(seconds=1_700_000_000, nanos=5_000),
        device="car-1",
        sensors=[front],
        labels=[make_box(f"{id}-car"), make_box(f"{id}-tram", "tram")],
        metadata={"rain": frame_pb2.MetadataValue(flag=True)},
    )


async def test_an_element_comes_back_as_it_was_sent(api: ApiClient) -> None:
    """Frames and crops are listed with media, labels, metadata and dataset, by frame id."""
    issue = await api.create_issue()
    crop = pb.Element(frame=full_frame("b"), label_id="b-tram", dataset=DATASET)
    whole = pb.Element(frame=full_frame("a"), dataset=DATASET)

    added = await api.issues.AddElements(make_request(issue, [crop, whole]))
    listed = await api.issues.ListElements(pb.ListElementsRequest(parent=issue))
    read = await api.issues.GetIssue(pb.GetIssueRequest(name=issue))

    assert (2, 0, 0) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert [whole, crop] == list(listed.elements)
    assert added.issue == read
    assert (2, "m", 8, DATASET) == (
        read.element_count,
        read.model_id,
        read.dimension,
        read.dataset,
    )


async def test_elements_are_replaced_kept_and_removed(api: ApiClient) -> None:
    """The answers count what was new, replaced, unchanged and removed."""
    issue = await api.create_issue("a", "b")
    sent = [make_element("a"), make_element("b", device="car-2"), make_element("c")]

    added = await api.issues.AddElements(make_request(issue, sent))
    removed = await api.issues.RemoveElements(
        pb.RemoveElementsRequest(
            issue=issue,
            elements=[pb.ElementKey(frame_id="a"), pb.ElementKey(frame_id="a", label_id="l")],
        )
    )

    assert (1, 1, 1) == (added.added_count, added.replaced_count, added.unchanged_count)
    assert (1, 2) == (removed.removed_count, removed.issue.element_count)
    assert added.issue.etag != removed.issue.etag


async def test_pages_of_elements_and_issues(api: ApiClient) -> None:
    """Lists go on where the page before ended; a token of another list is refused."""
    issue = await api.create_issue("a", "b", "c")
    other = await api.create_issue()

    first = await api.issues.ListElements(pb.ListElementsRequest(parent=issue, page_size=2))
    rest = await api.issues.ListElements(
        pb.ListElementsRequest(parent=issue, page_size=2, page_token=first.next_page_token)
    )
    issues = await api.issues.ListIssues(pb.ListIssuesRequest(parent=PROJECT))
    foreign = await catch_error(
        api.issues.ListElements(
            pb.ListElementsRequest(parent=other, page_token=first.next_page_token)
        )
    )
    too_many = await catch_error(
        api.issues.ListElements(pb.ListElementsRequest(parent=issue, page_size=1_001))
    )

    assert ["a", "b", "c"] == [element.frame.id for element in (*first.elements, *rest.elements)]
    assert "" == rest.next_page_token
    assert sorted([issue, other]) == [issue.name for issue in issues.issues]
    assert ["page_token", "page_size"] == [e.fields[0].field for e in (foreign, too_many)]


@pytest.mark.parametrize(
    ("wrong", "reason", "parts"),
    [
        (
            make_element("b", labels=[make_box("l", "bus")]),
            "LABEL_MISMATCH",
            ["elements[1]", "'l'", "'bus'"],
        ),
        (
            make_element(
                "b",
                labels=[
                    frame_pb2.Label(
                        id="l", class_name="car", classification_2d=frame_pb2.Classification2D()
                    )
                ],
            ),
            "LABEL_MISMATCH",
            ["elements[1]", "'l'", "CLASSIFICATION_2D", "BOX_2D"],
        ),
        (
            pb.Element(frame=frame_pb2.Frame(id="b"), dataset="projects/p/datasets/e"),
            "DATASET_MISMATCH",
            ["elements[1]", "'b'", "datasets/e", DATASET],
        ),
        (
            make_element("b", "x", labels=[make_box("l")]),
            "INVALID_FIELD",
            ["elements[1]", "'b'", "'x'"],
        ),
        (make_element("a"), "INVALID_FIELD", ["elements[1]", "'a'", "elements[0]"]),
        (make_element(""), "INVALID_FIELD", ["elements[1].frame.id"]),
        (pb.Element(dataset=DATASET), "INVALID_FIELD", ["elements[1].frame.id"]),
    ],
    ids=["class", "task", "dataset", "crop", "twice", "no id", "no frame"],
)
async def test_a_wrong_element_refuses_the_call(
    api: ApiClient, wrong: pb.Element, reason: str, parts: list[str]
) -> None:
    """One wrong element is named by its index and ids, and none of the call is stored."""
    issue = await api.create_issue()
    rows = make_embeddings(["a", "b"])

    error = await catch_error(
        api.issues.AddElements(make_request(issue, [make_element("a"), wrong], rows))
    )
    read = await api.issues.GetIssue(pb.GetIssueRequest(name=issue))

    assert (errors.InvalidArgument, reason) == (type(error), error.reason)
    assert [] == [part for part in parts if part not in error.message]
    assert ("", 0) == (read.model_id, read.element_count)


async def test_wrong_vectors_refuse_the_call(api: ApiClient) -> None:
    """Vectors of another space, without direction, or not one for each element are refused."""
    issue = await api.create_issue("a")
    two = [make_element("b"), make_element("c")]
    good = make_embeddings(["b", "c"])
    zero = np.concatenate([good[:1], good[:1] * 0])

    outcomes = [
        await catch_error(api.issues.AddElements(make_request(issue, two, rows)))
        for rows in (good[:, 1:], zero, good[:1])
    ]
    bare = make_request(issue, two)
    bare.ClearField("embeddings")
    outcomes.append(await catch_error(api.issues.AddElements(bare)))

    assert ["SPACE_MISMATCH", "INVALID_EMBEDDING", "INVALID_FIELD", "INVALID_FIELD"] == [
        error.reason for error in outcomes
    ]
    assert ["elements[0]", "elements[1]", "embeddings:", "embeddings."] == [
        error.message[:11] for error in outcomes
    ]
    assert 1 == (await api.issues.GetIssue(pb.GetIssueRequest(name=issue))).element_count


async def test_an_issue_is_renamed_under_its_etag(api: ApiClient) -> None:
    """Only the display name can be changed, and only under the current etag."""
    issue = await api.create_issue()
    read = await api.issues.GetIssue(pb.GetIssueRequest(name=issue))
    update = pb.Issue(name=issue, display_name="rain", etag=read.etag)

    renamed = await api.issues.UpdateIssue(pb.UpdateIssueRequest(issue=update))
    late = await catch_error(api.issues.UpdateIssue(pb.UpdateIssueRequest(issue=update)))
    mask = FieldMask(paths=["display_name", "dataset"])
    update.etag = ""
    masked = await catch_error(
        api.issues.UpdateIssue(pb.UpdateIssueRequest(issue=update, update_mask=mask))
    )

    assert "rain" == renamed.display_name
    assert renamed.etag != read.etag
    assert isinstance(late, errors.Aborted)
    assert "update_mask: 'dataset' cannot be changed; accepted is display_name" == masked.message
    assert renamed == await api.issues.GetIssue(pb.GetIssueRequest(name=issue))


async def test_an_issue_is_made_once_under_a_request_id(api: ApiClient) -> None:
    """CreateIssue sent again returns the first response and makes no second issue."""
    request = pb.CreateIssueRequest(
        parent=PROJECT,
        issue=pb.Issue(display_name="night", dataset=DATASET),
        request_id=str(uuid4()),
    )

    assert await api.issues.CreateIssue(request) == await api.issues.CreateIssue(request)
    assert 1 == len((await api.issues.ListIssues(pb.ListIssuesRequest(parent=PROJECT))).issues)


async def test_an_issue_in_use_is_not_deleted(api: ApiClient) -> None:
    """An active campaign keeps its issue, and is named; an idle one lets it go."""
    issue = await api.create_issue("a")
    campaign = await api.create_campaign(issue)

    error = await catch_error(api.issues.DeleteIssue(pb.DeleteIssueRequest(name=issue)))
    await api.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=campaign.name)
    )
    await api.issues.DeleteIssue(pb.DeleteIssueRequest(name=issue))
    gone = await catch_error(api.issues.GetIssue(pb.GetIssueRequest(name=issue)))

    assert (errors.FailedPrecondition, True) == (type(error), campaign.name in error.message)
    assert (errors.NotFound, f"{issue} does not exist") == (type(gone), gone.message)
