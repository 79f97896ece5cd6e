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
    wanted: Sequence[tuple[str, str]],
) -> ElementCounts:
    """Put the frames or crops of those frame and label ids into an issue, all or none.

    Raises NotFound naming a frame, FailedPrecondition naming a frame or crop without embedding,
    and what the issue refuses.
    """
    if not 0 < len(wanted) <= AT_ONCE_MAX:
        problem = f"{len(wanted)} in one call; 1 to {AT_ONCE_MAX:,} are accepted"
        raise too_large("elements", problem, AT_ONCE_MAX)
    if issue.project != name.project:
        raise InvalidArgument.of("issue", f"{str(issue)!r} is not of projects/{name.project}")
    await curation.others.datasets.get(name)
    frames = await get_frames(curation.stores, name, [frame_id for frame_id, _ in wanted])
    space = (await read_dataset_frames(curation.stores, name)).record
    rows = [
        _only(name, frame, label_id) for frame, (_, label_id) in zip(frames, wanted, strict=True)
    ]
    vectors = await points.read(curation.stores, name, space, rows)
    check_vectors_present(name, rows, vectors)
    elements = NewElements(
        name,
        space.model_id,
        [frame.frame for frame in frames],
        [label_id for _, label_id in wanted],
        vectors,
    )
    return await curation.others.issues.add(issue, elements)


def _only(name: DatasetName, frame: DatasetFrame, label_id: str) -> FrameRow:
    """The row of a frame with no other embedding than that of the crop, or its own."""
    vectors = tuple(vector for vector in frame.row.vectors if vector.label_id == label_id)
    if not vectors:
        what = f"crop {label_id!r} of frame" if label_id else "frame"
        known = ", ".join(repr(v.label_id) for v in frame.row.vectors) or "none at all"
        raise FailedPrecondition(
            f"{what} {frame.row.id!r} of {name} has no embedding; there are {known}"
        )
    return structs.replace(frame.row, vectors=vectors)
