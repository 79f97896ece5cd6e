"""Golden sets over gRPC: made whole, and never changed."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from services.campaign.doctor.files import kind_of
from services.embedded.process import EmbeddedServer
from sluice import errors
from sluice.v1 import frame_pb2
from sluice.v1 import golden_set_pb2 as pb
from tests.rpc.curation.judging import (
    CLASSES,
    DATASET,
    GOLDEN_SET,
    IMAGES,
    Judging,
    image,
    images,
    refusal,
    stream,
)


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key; there is a project `p` with a dataset `d` of boxes."""
    found = Judging(admin)
    await found.dataset()
    return found


async def test_a_golden_set_is_read_as_it_was_made(judging: Judging) -> None:
    """Name, class map, limits and counts are those of its dataset and images."""
    limits = pb.GoldenLimits(agreement_fail=0.6)
    made = await judging.golden_set(
        [*images("car", "tram"), image("empty")], display_name="Night", limits=limits
    )

    assert (GOLDEN_SET, "Night", frame_pb2.TASK_TYPE_BOX_2D) == (
        made.name,
        made.display_name,
        made.task_type,
    )
    assert (IMAGES + 1, 2 * IMAGES, list(CLASSES)) == (
        made.image_count,
        made.label_count,
        list(made.classes),
    )
    assert (0.6, 0.9) == (made.limits.agreement_fail, made.limits.agreement_warn)
    assert made == await judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=GOLDEN_SET))


async def test_golden_sets_are_listed_by_name(judging: Judging) -> None:
    """Page by page, those of the dataset and no other."""
    await judging.dataset("other")
    await judging.golden_set(images("car"), parent=f"{DATASET.removesuffix('d')}other")
    for name in ("night", "day", "fog"):
        await judging.golden_set(images("car"), name)
    request = pb.ListGoldenSetsRequest(parent=DATASET, page_size=2)
    first = await judging.golden.ListGoldenSets(request)
    request.page_token = first.next_page_token
    second = await judging.golden.ListGoldenSets(request)

    listed = [found.name.rpartition("/")[2] for found in (*first.golden_sets, *second.golden_sets)]
    assert ["day", "fog", "night"] == listed
    assert "" == second.next_page_token


async def test_the_same_golden_set_may_be_sent_again(judging: Judging) -> None:
    """In another order of its images too, and without another display name."""
    made = await judging.golden_set(images("car", "tram"))

    assert made == await judging.golden_set(reversed(images("car", "tram")))


@pytest.mark.parametrize(
    ("classes", "fields", "changed"),
    [
        (("car",), {}, "annotations"),
        (("car", "tram"), {"display_name": "x"}, "display_name"),
        (("car", "tram"), {"limits": pb.GoldenLimits(iou_warn=0.5)}, "limits"),
    ],
    ids=["labels", "display name", "limits"],
)
async def test_a_golden_set_never_changes(
    judging: Judging, classes: tuple[str, ...], fields: dict[str, Any], changed: str
) -> None:
    """What differs is named, and what is there stays."""
    made = await judging.golden_set(images("car", "tram"))
    error = await refusal(judging.golden_set(images(*classes), **fields))

    assert (errors.AlreadyExists, {"changed": changed}) == (type(error), error.metadata)
    assert made == await judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=GOLDEN_SET))


async def test_what_cannot_be_compared_is_refused(judging: Judging) -> None:
    """A golden set needs a dataset that is there, of boxes or classes of images."""
    await judging.dataset("masks", frame_pb2.TASK_TYPE_SEMSEG_2D)
    masks, none = (f"{DATASET.removesuffix('d')}{name}" for name in ("masks", "none"))

    error = await refusal(judging.golden_set([image("i")], parent=masks))
    assert errors.FailedPrecondition is type(error)
    assert "SEMSEG_2D labels; BOX_2D and CLASSIFICATION_2D labels can be" in error.message
    error = await refusal(judging.golden_set([image("i")], parent=none))
    assert errors.NotFound is type(error)
    error = await refusal(judging.golden.GetGate(pb.GetGateRequest(dataset=none)))
    assert errors.NotFound is type(error)


async def test_classes_of_images_are_compared_too(judging: Judging) -> None:
    """A golden set of a classification dataset has one class for each image."""
    await judging.dataset("c", frame_pb2.TASK_TYPE_CLASSIFICATION_2D)
    parent = f"{DATASET.removesuffix('d')}c"
    label = frame_pb2.Label(class_name="car", classification_2d=frame_pb2.Classification2D())
    same = [pb.AnnotatedImage(id=f"i{index}", labels=[label]) for index in range(IMAGES)]
    made = await judging.golden_set(same, parent=parent)
    checked = (await judging.check(same, golden_set=made.name)).check

    assert (pb.GOLDEN_VERDICT_PASS, IMAGES) == (checked.verdict, checked.summary.detections)
    recall = checked.details.agreement.recall
    assert (IMAGES, IMAGES) == (recall.count, recall.total)


async def test_a_stream_without_a_message_is_refused(judging: Judging) -> None:
    """Without a first message nobody knows what is meant."""
    for call in (judging.golden.CreateGoldenSet, judging.golden.CheckRound):
        assert errors.InvalidArgument is type(await refusal(call(stream())))


async def test_the_doctor_leaves_golden_files_alone(
    judging: Judging, sluiced: EmbeddedServer
) -> None:
    """No file of a golden set or a check is of a kind that the campaign service writes."""
    await judging.golden_set(images("car", "tram"))
    await judging.check(images("car"))
    await judging.record(1, [1, 0])
    files = [path for path in (sluiced.data_dir / "blobs").glob("??/*") if path.is_file()]

    assert 4 == len(files)
    assert {""} == {kind_of(path.read_bytes()) for path in files}
