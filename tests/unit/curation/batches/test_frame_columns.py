"""The columns that a batch is planned from."""

from __future__ import annotations

import pytest

from services.curation.batches import projection
from services.curation.batches.frame_columns import FrameColumns
from services.curation.batches.records import CreateBatchSpec, RoundFailures
from services.curation.datasets.frames import FrameSummary
from services.curation.records import (
    FailureKind,
    FrameRow,
    Group,
    Split,
    Status,
    StoredVector,
)
from sluice.errors import InvalidArgument
from sluice.frames import MetadataValue
from tests.unit.curation.datasets.harness import NAME


def summary(
    id: str,
    *,
    status: Status = Status.UNLABELLED,
    split: Split = Split.NONE,
    vectors: int = 1,
    failed: tuple[str, ...] = (),
    **fields: MetadataValue,
) -> FrameSummary:
    """A frame that is a group of its own."""
    row = FrameRow(
        id=id,
        number=1,
        group=id,
        document_digest=b"d",
        vectors=(StoredVector(point=bytes(16)),) * vectors,
        fields=fields,
        failures=dict.fromkeys(failed, (FailureKind.MISSED,)),
        created_us=0,
    )
    return FrameSummary(row, Group(id=id, frames=(id,), slices=("",), status=status, split=split))


def columns(spec: CreateBatchSpec, *frames: FrameSummary) -> FrameColumns:
    """The columns of these frames."""
    result = FrameColumns(spec)
    for frame in frames:
        result.add(frame)
    return result


def test_only_unlabelled_groups_that_are_not_held_out_remain() -> None:
    """Labelled groups are excluded; a held-out one is excluded, and does not count as labelled."""
    result = columns(
        CreateBatchSpec(),
        summary("a"),
        summary("b", status=Status.ANNOTATED),
        summary("c", status=Status.ANNOTATED, split=Split.TEST),
    )

    assert [False, True, True] == result.excluded
    assert [False, True, False] == result.labelled


def test_failing_frames_weigh_as_much_as_their_rounds() -> None:
    """A frame that fails in two rounds has the sum of their weights, and its own rows."""
    rounds = (RoundFailures(round="r1", weight=2), RoundFailures(round="r2", weight=0.5))
    spec = CreateBatchSpec(failures=rounds)
    result = columns(
        spec,
        summary("a", vectors=3, failed=("r1", "r2")),
        summary("b", failed=("r9",)),
        summary("c", vectors=2, failed=("r2",)),
    )

    assert [("a", 2.5, slice(0, 3)), ("c", 0.5, slice(4, 6))] == [
        (frame.frame_id, frame.weight, frame.rows) for frame in result.failing
    ]
    assert [True, False, True] == result.failed


def test_scenes_of_different_types_differ() -> None:
    """The value True is another scene than 1; a frame without the field has none."""
    spec = CreateBatchSpec(scene_field="drive")
    frames = [summary("a", drive=1), summary("b", drive=True), summary("c"), summary("d", drive=1)]

    assert [0, 1, -1, 0] == columns(spec, *frames).scenes


def test_a_dataset_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on embeddings as well as on frames."""
    result = columns(CreateBatchSpec(), summary("a", vectors=3))
    result.check_size(NAME)
    monkeypatch.setattr(projection, "ROWS_MAX", 2)

    with pytest.raises(InvalidArgument, match="parent: projects/p/datasets/d has more than 2"):
        result.check_size(NAME)
