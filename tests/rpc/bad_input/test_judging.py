"""Invalid golden sets and rounds are rejected by field and value, and nothing is stored."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from sluice import errors
from sluice.v1 import frame_pb2, progress_pb2
from sluice.v1 import golden_set_pb2 as pb
from tests.rpc.bad_input.cases import Case, refused
from tests.rpc.curation.judging import (
    DATASET,
    GOLDEN_SET,
    Judging,
    box,
    image,
    images,
    record_round_request,
    round_key,
    stream,
)

IMAGES_PER_MESSAGE = 50
WORLD = frame_pb2.Label(class_name="car", classification_2d=frame_pb2.Classification2D())
BESIDE = frame_pb2.Box2D(left=1_000, width=1, height=1)
MASK = frame_pb2.Label(id="l", class_name="car", semseg_2d=frame_pb2.Semseg2D(mask_url="u"))


def change_label(**fields: Any) -> Any:
    """A function that changes the label of the second image."""
    return lambda r: r.images[1].labels[0].MergeFrom(frame_pb2.Label(**fields))


def replace_labels(*labels: frame_pb2.Label) -> Any:
    """A function that replaces the labels of the second image."""

    def spoil(request: Any) -> None:
        del request.images[1].labels[:]
        request.images[1].labels.extend(labels)

    return spoil


def clear_key_part(name: str) -> Any:
    """A function that clears a part of the key."""
    return lambda request: request.key.ClearField(name)


def clear_shape(request: Any) -> None:
    """Clear the shape of a label."""
    request.images[1].labels[0].ClearField("box_2d")


IMAGES = [
    Case(
        "no id", lambda r: setattr(r.images[1], "id", ""), "INVALID_FIELD", "images[1].id", "1 to"
    ),
    Case(
        "too long an id",
        lambda r: setattr(r.images[1], "id", "x" * 257),
        "TOO_LARGE",
        "images[1].id",
        "257 bytes; at most 256",
    ),
    Case(
        "an image twice",
        lambda r: setattr(r.images[1], "id", "i000"),
        "INVALID_FIELD",
        "images[1].id",
        "duplicate image 'i000'",
    ),
    Case("no shape", clear_shape, "INVALID_FIELD", "images[1].labels[0].shape", "one must be set"),
    Case(
        "a mask",
        replace_labels(MASK),
        "INVALID_FIELD",
        "images[1].labels[0].shape",
        "semseg_2d cannot be compared",
    ),
    Case(
        "classes of images",
        lambda r: [replace_labels(WORLD)(r), r.images[0].ClearField("labels")],
        "LABEL_MISMATCH",
        "images",
        "CLASSIFICATION_2D label, but the dataset's labels are BOX_2D",
    ),
    Case("two kinds", replace_labels(WORLD), "INVALID_FIELD", "images", "must be of one kind"),
    Case(
        "no class",
        replace_labels(box("")),
        "INVALID_FIELD",
        "images[1].labels[0].class_name",
        "is empty",
    ),
    Case(
        "a box beside its image",
        change_label(box_2d=BESIDE),
        "INVALID_FIELD",
        "images[1].labels[0].box_2d",
        "is outside image 'i001' of 1000",
    ),
    Case(
        "a box without width",
        lambda r: setattr(r.images[1].labels[0].box_2d, "width", 0),
        "INVALID_FIELD",
        "images[1].labels[0].box_2d.width",
        "0.0 is not over 0",
    ),
    Case(
        "NaN",
        lambda r: setattr(r.images[1].labels[0].box_2d, "top", float("nan")),
        "INVALID_FIELD",
        "images[1].labels[0].box_2d.top",
        "nan",
    ),
    Case(
        "too many labels",
        replace_labels(*[box("car")] * 2_001),
        "TOO_LARGE",
        "images[1].labels",
        "2,001; at most 2,000",
    ),
    Case(
        "too many labels in all",
        lambda r: r.images.extend([image(str(i), *["car"] * 2_000) for i in range(101)]),
        "TOO_LARGE",
        "images",
        "more than 200,000 labels",
    ),
    Case(
        "too many images",
        lambda r: r.images.extend([pb.AnnotatedImage(id=str(i)) for i in range(9_999)]),
        "TOO_LARGE",
        "images",
        "more than 10,000",
    ),
]
SETS = [
    *IMAGES,
    Case("no images", lambda r: r.ClearField("images"), "INVALID_FIELD", "images", "at least one"),
    Case(
        "a wrong id",
        lambda r: setattr(r, "golden_set_id", "G"),
        "INVALID_FIELD",
        "golden_set_id",
        "'G'",
    ),
    Case(
        "a wrong parent",
        lambda r: setattr(r, "parent", "projects/p"),
        "INVALID_FIELD",
        "parent",
        "datasets/{dataset}",
    ),
    Case(
        "a limit over 1",
        lambda r: setattr(r.golden_set.limits, "iou_warn", 1.5),
        "INVALID_FIELD",
        "golden_set.limits.iou_warn",
        "1.5 is not in 0…1",
    ),
    Case(
        "a limit of NaN",
        lambda r: setattr(r.golden_set.limits, "agreement_fail", float("nan")),
        "INVALID_FIELD",
        "golden_set.limits.agreement_fail",
        "nan is not in 0…1",
    ),
    Case(
        "too long a display name",
        lambda r: setattr(r.golden_set, "display_name", "x" * 257),
        "TOO_LARGE",
        "golden_set.display_name",
        "257 bytes",
    ),
    Case(
        "an unknown dataset",
        lambda r: setattr(r, "parent", f"{DATASET}x"),
        "NOT_FOUND",
        f"{DATASET}x",
        "",
        errors.NotFound,
    ),
]
ROUNDS = [
    *IMAGES,
    *(
        Case(
            f"no {name}",
            clear_key_part(name),
            "INVALID_FIELD",
            f"key.{name}",
            "is empty",
        )
        for name in ("schema_version", "annotator", "guideline_version")
    ),
    Case(
        "a name of another thing",
        lambda r: setattr(r, "golden_set", DATASET),
        "INVALID_FIELD",
        "golden_set",
        "goldenSets/{goldenSet}",
    ),
    Case(
        "an unknown golden set",
        lambda r: setattr(r, "golden_set", f"{GOLDEN_SET}x"),
        "NOT_FOUND",
        f"{GOLDEN_SET}x",
        "",
        errors.NotFound,
    ),
]
RECORDINGS = [
    Case("no groups", lambda r: setattr(r, "labelled_groups", 0), "INVALID_FIELD",
         "labelled_groups", "0 is not over 0"),
    Case("a value over 1", lambda r: r.values.__setitem__(1, 1.5), "INVALID_FIELD",
         "values[1]", "1.5 is not in 0…1"),
    Case("NaN", lambda r: r.values.__setitem__(1, float("nan")), "INVALID_FIELD",
         "values[1]", "nan is not in 0…1"),
    Case("a value too few", lambda r: r.values.pop(), "INVALID_FIELD",
         "values", "2 values for 3 sample_ids"),
    Case("a prediction too few", lambda r: r.predictions.extend(["car"]), "INVALID_FIELD",
         "predictions", "1 values for 3 sample_ids"),
    Case("a sample twice", lambda r: r.sample_ids.__setitem__(1, "s0"), "INVALID_FIELD",
         "sample_ids", "sample 's0' occurs 2 times"),
    Case("a sample without id", lambda r: r.sample_ids.__setitem__(1, ""), "INVALID_FIELD",
         "sample_ids[1]", "is empty"),
    Case("no samples", lambda r: [r.ClearField("sample_ids"), r.ClearField("values")],
         "INVALID_FIELD", "values", "at least one"),
    Case("too many samples", lambda r: r.sample_ids.extend(map(str, range(50_000))),
         "TOO_LARGE", "sample_ids", "50,003; at most 50,000"),
    Case("too many slices", lambda r: [r.slices.add(name=str(i), samples=[0]) for i in range(65)],
         "TOO_LARGE", "slices", "65; at most 64"),
    Case("a slice without name", lambda r: r.slices.add(samples=[0]), "INVALID_FIELD",
         "slices[0].name", "is empty"),
    Case("a slice of nothing", lambda r: r.slices.add(name="n"), "INVALID_FIELD",
         "slices[0].samples", "at least one"),
    Case("a slice beyond", lambda r: r.slices.add(name="n", samples=[3]), "INVALID_FIELD",
         "slices[0].samples", "index 3 is out of range for 3 sample_ids"),
    Case("a slice twice", lambda r: [r.slices.add(name="n", samples=[0]) for _ in range(2)],
         "INVALID_FIELD", "slices", "'n' occurs 2 times"),
    Case("an index twice", lambda r: r.slices.add(name="n", samples=[1, 1]), "INVALID_FIELD",
         "slices[0].samples", "'1' occurs 2 times"),
    Case("too many failures", lambda r: [r.failures.add() for _ in range(10_001)],
         "TOO_LARGE", "failures", "10,001; at most 10,000"),
    Case("a class too long", lambda r: r.failures.add(first="x" * 257), "TOO_LARGE",
         "failures[0].first", "257 bytes"),
    Case("an unknown dataset", lambda r: setattr(r, "dataset", f"{DATASET}x"), "NOT_FOUND",
         f"{DATASET}x", "", errors.NotFound),
]  # fmt: skip
PROGRESS_REQUESTS = [
    Case("a target of 1", lambda r: setattr(r, "target", 1), "INVALID_FIELD", "target", "1.0"),
    Case("no gain", lambda r: setattr(r, "gain_min", 0), "INVALID_FIELD", "gain_min", "0.0"),
    Case("NaN", lambda r: setattr(r, "target", float("nan")), "INVALID_FIELD", "target", "between"),
]


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key; there is a golden set `g` of boxes."""
    judging = Judging(admin)
    await judging.create_dataset()
    await judging.create_golden_set(images("car"))
    return judging


def create(judging: Judging) -> tuple[pb.CreateGoldenSetRequest, Any]:
    """A valid request, and the call that sends it."""
    request = pb.CreateGoldenSetRequest(
        parent=DATASET, golden_set_id="h", images=images("car", count=2)
    )
    return request, judging.golden.CreateGoldenSet


def check(judging: Judging) -> tuple[pb.CheckRoundRequest, Any]:
    """A valid request, and the call that sends it."""
    request = pb.CheckRoundRequest(
        golden_set=GOLDEN_SET, key=round_key(1), images=images("car", count=2)
    )
    return request, judging.golden.CheckRound


async def send_in_parts(call: Any, request: Any) -> Any:
    """Send a request as a stream of messages within the size limit."""
    starts = range(0, len(request.images), IMAGES_PER_MESSAGE)
    parts = [
        type(request)(images=request.images[start : start + IMAGES_PER_MESSAGE]) for start in starts
    ]
    request.ClearField("images")
    return await call(stream(request, *parts))


@pytest.mark.parametrize("case", SETS, ids=lambda case: case.what)
async def test_an_invalid_golden_set_is_not_created(judging: Judging, case: Case) -> None:
    """The error names field and value; no set is created, and a valid one is afterwards."""
    invalid, call = create(judging)
    case.spoil(invalid)
    case.check(await refused(send_in_parts(call, invalid)))
    request = pb.ListGoldenSetsRequest(parent=DATASET)
    assert 1 == len((await judging.golden.ListGoldenSets(request)).golden_sets)
    valid, call = create(judging)
    assert 2 == (await send_in_parts(call, valid)).image_count


@pytest.mark.parametrize("case", ROUNDS, ids=lambda case: case.what)
async def test_an_invalid_round_is_not_checked(judging: Judging, case: Case) -> None:
    """The error names field and value; no check is added, and a valid one is afterwards."""
    invalid, call = check(judging)
    case.spoil(invalid)
    case.check(await refused(send_in_parts(call, invalid)))
    request = pb.ListChecksRequest(parent=GOLDEN_SET)
    assert 0 == len((await judging.golden.ListChecks(request)).checks)
    valid, call = check(judging)
    assert (await send_in_parts(call, valid)).added


@pytest.mark.parametrize("case", RECORDINGS, ids=lambda case: case.what)
async def test_an_invalid_recording_is_not_stored(judging: Judging, case: Case) -> None:
    """The error names field and value; no round is stored, and a valid one is afterwards."""
    invalid = record_round_request(1, [0, 1, 0.5])
    case.spoil(invalid)
    case.check(await refused(judging.progress.RecordRound(invalid)))
    request = progress_pb2.ListRecordedRoundsRequest(parent=DATASET)
    assert 0 == len((await judging.progress.ListRecordedRounds(request)).rounds)
    assert (await judging.record_round(1, [0, 1, 0.5])).added


@pytest.mark.parametrize("case", PROGRESS_REQUESTS, ids=lambda case: case.what)
async def test_an_invalid_progress_request_is_rejected(judging: Judging, case: Case) -> None:
    """A share that is out of range is named."""
    invalid = progress_pb2.GetProgressRequest(dataset=DATASET)
    case.spoil(invalid)
    case.check(await refused(judging.progress.GetProgress(invalid)))
