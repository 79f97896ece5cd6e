"""Golden sets over gRPC: created in one call, and immutable afterwards."""

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
    raised_error,
    stream,
)


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key, and a project `p` with a dataset `d` of boxes."""
    services = Judging(admin)
    await services.create_dataset()
    return services


async def test_a_golden_set_is_read_as_it_was_made(judging: Judging) -> None:
    """A golden set is read with the name, classes, limits and counts that it was created with."""
    limits = pb.GoldenLimits(agreement_fail=0.6)
    golden_set = await judging.create_golden_set(
        [*images("car", "tram"), image("empty")], display_name="Night", limits=limits
    )

    assert (GOLDEN_SET, "Night", frame_pb2.TASK_TYPE_BOX_2D) == (
        golden_set.name,
        golden_set.display_name,
        golden_set.task_type,
    )
    assert (IMAGES + 1, 2 * IMAGES, list(CLASSES)) == (
        golden_set.image_count,
        golden_set.label_count,
        list(golden_set.classes),
    )
    assert (0.6, 0.9) == (golden_set.limits.agreement_fail, golden_set.limits.agreement_warn)
    assert golden_set == await judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=GOLDEN_SET))


async def test_the_most_frequent_other_classes_are_named(
    judging: Judging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the class map, a golden set names no more classes than the limit, by frequency."""
    monkeypatch.setattr("services.curation.golden.golden_sets.OTHER_CLASSES_MAX", 2)
    labels = [image("i", "car", "axle", "bus", "bus", "cab", "cab", "cab")]
    golden_set = await judging.create_golden_set(labels)

    assert {"bus": 2, "cab": 3} == dict(golden_set.other_classes)


async def test_golden_sets_are_listed_by_name(judging: Judging) -> None:
    """Golden sets of a dataset, and no others, are listed by name in pages."""
    await judging.create_dataset("other")
    await judging.create_golden_set(images("car"), parent=f"{DATASET.removesuffix('d')}other")
    for name in ("night", "day", "fog"):
        await judging.create_golden_set(images("car"), name)
    request = pb.ListGoldenSetsRequest(parent=DATASET, page_size=2)
    first = await judging.golden.ListGoldenSets(request)
    request.page_token = first.next_page_token
    second = await judging.golden.ListGoldenSets(request)

    golden_set_ids = [
        golden_set.name.rpartition("/")[2]
        for golden_set in (*first.golden_sets, *second.golden_sets)
    ]
    assert ["day", "fog", "night"] == golden_set_ids
    assert "" == second.next_page_token


async def test_the_same_golden_set_may_be_sent_again(judging: Judging) -> None:
    """Creating the same golden set again, with images in another order, returns the first."""
    golden_set = await judging.create_golden_set(images("car", "tram"))

    assert golden_set == await judging.create_golden_set(reversed(images("car", "tram")))


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
    """Different content is refused, naming the changed field, and the stored set stays."""
    golden_set = await judging.create_golden_set(images("car", "tram"))
    error = await raised_error(judging.create_golden_set(images(*classes), **fields))

    assert (errors.AlreadyExists, {"changed": changed}) == (type(error), error.metadata)
    assert golden_set == await judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=GOLDEN_SET))


async def test_what_cannot_be_compared_is_refused(judging: Judging) -> None:
    """A golden set needs an existing dataset of boxes or image classes."""
    await judging.create_dataset("masks", frame_pb2.TASK_TYPE_SEMSEG_2D)
    masks, missing = (f"{DATASET.removesuffix('d')}{name}" for name in ("masks", "none"))

    error = await raised_error(judging.create_golden_set([image("i")], parent=masks))
    assert errors.FailedPrecondition is type(error)
    assert "SEMSEG_2D labels; BOX_2D and CLASSIFICATION_2D labels can be" in error.message
    error = await raised_error(judging.create_golden_set([image("i")], parent=missing))
    assert errors.NotFound is type(error)
    error = await raised_error(judging.golden.GetGate(pb.GetGateRequest(dataset=missing)))
    assert errors.NotFound is type(error)


async def test_classes_of_images_are_compared_too(judging: Judging) -> None:
    """A golden set of a classification dataset has one class per image, and can be checked."""
    await judging.create_dataset("c", frame_pb2.TASK_TYPE_CLASSIFICATION_2D)
    parent = f"{DATASET.removesuffix('d')}c"
    label = frame_pb2.Label(class_name="car", classification_2d=frame_pb2.Classification2D())
    annotated = [pb.AnnotatedImage(id=f"i{index}", labels=[label]) for index in range(IMAGES)]
    golden_set = await judging.create_golden_set(annotated, parent=parent)
    check = (await judging.check_round(annotated, golden_set=golden_set.name)).check

    assert (pb.GOLDEN_VERDICT_PASS, IMAGES) == (check.verdict, check.summary.detections)
    recall = check.details.agreement.recall
    assert (IMAGES, IMAGES) == (recall.count, recall.total)


async def test_a_stream_without_a_message_is_refused(judging: Judging) -> None:
    """A request stream without a first message is refused."""
    for call in (judging.golden.CreateGoldenSet, judging.golden.CheckRound):
        assert errors.InvalidArgument is type(await raised_error(call(stream())))


async def test_the_doctor_leaves_golden_files_alone(
    judging: Judging, sluiced: EmbeddedServer
) -> None:
    """Files of golden sets, checks and rounds have no kind that the campaign doctor knows."""
    await judging.create_golden_set(images("car", "tram"))
    await judging.check_round(images("car"))
    await judging.record_round(1, [1, 0])
    files = [path for path in (sluiced.data_dir / "blobs").glob("??/*") if path.is_file()]

    assert 4 == len(files)
    assert {""} == {kind_of(path.read_bytes()) for path in files}
