"""Putting frames and crops of a dataset straight into an issue."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.frames import DatasetFrame, check_vectors_present, get_frames
from services.curation.datasets.updates import AT_ONCE_MAX
from services.curation.records import FrameRow
from services.peers.issues import ElementCounts, NewElements
from sluice.checks import too_large
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.names import DatasetName, IssueName


async def pick_elements(
    curation: Curation,
    name: DatasetName,
    issue: IssueName,
    elements: Sequence[tuple[str, str]],
) -> ElementCounts:
    """Put frames or crops, given as (frame id, label id), into an issue, all or none.

    Raises NotFound naming a missing frame, FailedPrecondition naming a frame or crop without
    embedding, and the errors of the campaign service.
    """
    if not 0 < len(elements) <= AT_ONCE_MAX:
        problem = f"{len(elements)} in one call; 1 to {AT_ONCE_MAX:,} are accepted"
        raise too_large("elements", problem, AT_ONCE_MAX)
    if issue.project != name.project:
        problem = f"{str(issue)!r} is not in projects/{name.project}, the dataset's project"
        raise InvalidArgument.of("issue", problem)
    await curation.others.datasets.get(name)
    frames = await get_frames(curation.stores, name, [frame_id for frame_id, _ in elements])
    space = (await read_dataset_frames(curation.stores, name)).record
    rows = [
        _row_with(name, frame, label_id)
        for frame, (_, label_id) in zip(frames, elements, strict=True)
    ]
    vectors = await points.read(curation.stores, name, space, rows)
    check_vectors_present(name, rows, vectors)
    new_elements = NewElements(
        name,
        space.model_id,
        [frame.frame for frame in frames],
        [label_id for _, label_id in elements],
        vectors,
    )
    return await curation.others.issues.add(issue, new_elements)


def _row_with(name: DatasetName, frame: DatasetFrame, label_id: str) -> FrameRow:
    """The row of a frame with only one of its embeddings: the crop's, or the frame's own."""
    vectors = tuple(vector for vector in frame.row.vectors if vector.label_id == label_id)
    if not vectors:
        subject = f"crop {label_id!r} of frame" if label_id else "frame"
        embedded = ", ".join(repr(v.label_id) for v in frame.row.vectors) or "nothing"
        raise FailedPrecondition(
            f"{subject} {frame.row.id!r} of {name} has no embedding; embedded: {embedded}"
        )
    return structs.replace(frame.row, vectors=vectors)
