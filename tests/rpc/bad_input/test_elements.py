"""Elements that are wrong are refused by field and value, and with them the whole call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sluice import errors
from sluice.tensors import pack
from sluice.v1 import dataset_pb2, frame_pb2, issue_pb2
from tests.rpc.bad_input.cases import Case, nothing_moves, refused
from tests.rpc.ingest.logger import DIMENSION, MODEL, PROJECT, Logger, vectors_of

FRAME = "elements[1].frame"
VAN = {"class_name": "van", "sensor_id": "cam"}


def label(request: issue_pb2.AddElementsRequest, *ids: str, **shape: Any) -> None:
    """Give the second element labels, in an image of 10 × 10 pixels."""
    frame = request.elements[1].frame
    frame.sensors.add(sensor_id="cam", url="u", width=10, height=10)
    for label_id in ids:
        frame.labels.add(id=label_id, **VAN | shape)


def box(left: float, width: float) -> dict[str, frame_pb2.Box2D]:
    """A box of one pixel's height."""
    return {"box_2d": frame_pb2.Box2D(left=left, top=1, width=width, height=1)}


def share_label(request: issue_pb2.AddElementsRequest) -> None:
    """Give both elements the same label."""
    label(request, "l", **box(1, 1))
    request.elements[0].frame.labels.extend(request.elements[1].frame.labels)
    request.elements[0].frame.sensors.extend(request.elements[1].frame.sensors)


def metadata(request: issue_pb2.AddElementsRequest, *names: str, text: str = "t") -> None:
    """Give the second element pairs of metadata."""
    for name in names:
        pair = frame_pb2.MetadataValue(text=text)
        request.elements[1].frame.metadata[name].CopyFrom(pair)


def rows(value: float, count: int = 2, dimension: int = DIMENSION) -> Any:
    """What replaces the vectors by ones, the last row by a value."""
    vectors = np.ones((count, dimension), np.float32)
    vectors[-1] = value
    return lambda request: request.embeddings.CopyFrom(pack(vectors))


CASES = [
    Case("NaN", rows(np.nan), "INVALID_EMBEDDING", "embeddings", "elements[1] (frame 'new1')"),
    Case("infinity", rows(np.inf), "INVALID_EMBEDDING", "embeddings", "elements[1] (frame 'new1')"),
    Case("zero vector", rows(0), "INVALID_EMBEDDING", "embeddings", "elements[1] (frame 'new1')"),
    Case("wrong dimension", rows(1, 2, 32), "SPACE_MISMATCH", "elements[0]", "dimension 32"),
    Case(
        "unknown space",
        lambda r: setattr(r, "model_id", "other"),
        "SPACE_MISMATCH",
        "elements[0]",
        "'other'",
    ),
    Case(
        "no vectors",
        lambda r: r.ClearField("embeddings"),
        "INVALID_FIELD",
        "embeddings.dimension",
        "0 is not in 2…8,192",
    ),
    Case("a row too few", rows(1, 1), "INVALID_FIELD", "embeddings", "1 rows for 2 elements"),
    Case(
        "too many elements",
        lambda r: r.elements.extend([r.elements[0]] * 4_095),
        "TOO_LARGE",
        "elements",
        "4097 in one call",
    ),
    Case(
        "an element twice",
        lambda r: r.elements[1].CopyFrom(r.elements[0]),
        "INVALID_FIELD",
        "elements[1]",
        "a duplicate of elements[0]",
    ),
    Case(
        "a label id twice",
        lambda r: label(r, "l", "l", **box(1, 1)),
        "INVALID_FIELD",
        f"{FRAME}.labels",
        "'l' stands 2 times",
    ),
    Case(
        "a label id of another frame",
        share_label,
        "INVALID_FIELD",
        f"{FRAME}.labels[0].id",
        "'l' is the id of a label of frame 'new0'",
    ),
    Case(
        "a box outside its image",
        lambda r: label(r, "l", **box(9, 2)),
        "INVALID_FIELD",
        f"{FRAME}.labels[0].box_2d",
        "(9, 1) to (11, 2) is not inside the image of 10 × 10",
    ),
    Case(
        "a label of another task",
        lambda r: label(r, "l", classification_2d={}),
        "LABEL_MISMATCH",
        f"{FRAME}.labels[0]",
        "'l' is CLASSIFICATION_2D, the dataset's are BOX_2D",
    ),
    Case(
        "an unknown class",
        lambda r: label(r, "l", class_name="tram", **box(1, 1)),
        "LABEL_MISMATCH",
        f"{FRAME}.labels[0]",
        "'tram'",
    ),
    Case(
        "a crop of no label",
        lambda r: setattr(r.elements[1], "label_id", "l"),
        "INVALID_FIELD",
        "elements[1].label_id",
        "'l' is not a label of its frame",
    ),
    Case(
        "too long an id",
        lambda r: setattr(r.elements[1].frame, "id", "x" * 257),
        "TOO_LARGE",
        f"{FRAME}.id",
        "257 bytes; at most 256",
    ),
    Case(
        "too much metadata",
        lambda r: metadata(r, *map(str, range(65))),
        "TOO_LARGE",
        f"{FRAME}.metadata",
        "65 pairs; at most 64",
    ),
    Case(
        "too large a document",
        lambda r: metadata(r, "k", text="x" * 70_000),
        "TOO_LARGE",
        FRAME,
        "at most 65,536",
    ),
    Case(
        "another dataset",
        lambda r: setattr(r.elements[1], "dataset", f"{PROJECT}/datasets/d"),
        "DATASET_MISMATCH",
        "elements[1].dataset",
        "datasets/d",
    ),
    Case(
        "an unknown issue",
        lambda r: setattr(r, "issue", f"{PROJECT}/issues/none"),
        "NOT_FOUND",
        f"{PROJECT}/issues/none",
        "",
        errors.NotFound,
    ),
]


@pytest.fixture
async def boxes(logger: Logger) -> Logger:
    """The logger, its issue one with an element of a dataset that has boxes of vans."""
    dataset = dataset_pb2.Dataset(
        task_type=frame_pb2.TASK_TYPE_BOX_2D, classes=[dataset_pb2.LabelClass(id=1, name="van")]
    )
    await logger.datasets.CreateDataset(
        dataset_pb2.CreateDatasetRequest(parent=PROJECT, dataset_id="boxes", dataset=dataset)
    )
    wanted = issue_pb2.Issue(display_name="boxes", dataset=f"{PROJECT}/datasets/boxes")
    made = await logger.issues.CreateIssue(
        issue_pb2.CreateIssueRequest(parent=PROJECT, issue=wanted)
    )
    logger.issue = made.name
    await logger.issues.AddElements(adding(logger, "old"))
    return logger


def adding(logger: Logger, *frame_ids: str) -> issue_pb2.AddElementsRequest:
    """A right request that adds frames."""
    return issue_pb2.AddElementsRequest(
        issue=logger.issue,
        elements=[
            issue_pb2.Element(frame={"id": i}, dataset=f"{PROJECT}/datasets/boxes")
            for i in frame_ids
        ],
        model_id=MODEL,
        embeddings=pack(vectors_of(frame_ids)),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_one_wrong_element_keeps_out_the_call(boxes: Logger, case: Case) -> None:
    """Not even the right elements of the call are added; the call put right adds both."""
    wrong = adding(boxes, "new0", "new1")
    case.spoil(wrong)
    async with nothing_moves(boxes):
        case.check(await refused(boxes.issues.AddElements(wrong)))
    assert 2 == (await boxes.issues.AddElements(adding(boxes, "new0", "new1"))).added_count
