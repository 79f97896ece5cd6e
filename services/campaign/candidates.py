"""What may become an element of an issue; everything else is refused, naming the element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from services.campaign.records import Dataset, Element, Issue
from services.records.points import create_point_id
from sluice.errors import FieldViolation, InvalidArgument
from sluice.frames import Frame
from sluice.labels import Label, TaskType
from sluice.limits import BATCH_ROWS_MAX
from sluice.names import DatasetName
from sluice.scoring.vectors import normalise


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame or crop that shall become an element; `dataset` is a resource name as it was sent."""

    frame: Frame
    label_id: str
    dataset: str

    def __str__(self) -> str:
        crop = f", label {self.label_id!r}" if self.label_id else ""
        return f"frame {self.frame.id!r}{crop}"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates with their embeddings, one row each: `(candidates, dimension)`, not normalised."""

    model_id: str
    candidates: Sequence[Candidate]
    embeddings: NDArray[np.float32]


def check_dataset(candidates: Sequence[Candidate], name: DatasetName, dataset: Dataset) -> None:
    """Refuse what is sent twice, is of another dataset, or has labels that the dataset has not."""
    check_count(len(candidates))
    class_names = {label_class.name for label_class in dataset.classes}
    first: dict[tuple[str, str], int] = {}
    for index, candidate in enumerate(candidates):
        known = (candidate.frame.id, candidate.label_id)
        if first.setdefault(known, index) != index:
            raise refused(index, candidate, "", f"is the same as elements[{first[known]}]")
        if candidate.dataset != str(name):
            problem = f"is of dataset {candidate.dataset!r}, the issue of {str(name)!r}"
            raise refused(index, candidate, ".dataset", problem, "DATASET_MISMATCH")
        _check_labels(index, candidate, dataset.task_type, class_names)


def check_count(count: int) -> None:
    """Refuse more elements than one call may name, and none."""
    if not 0 < count <= BATCH_ROWS_MAX:
        raise InvalidArgument.of(
            "elements",
            f"{count} in one call, 1 to {BATCH_ROWS_MAX} are accepted",
            reason="TOO_LARGE" if count else None,
            metadata={"limit": str(BATCH_ROWS_MAX)} if count else None,
        )


def check_space(candidates: Candidates, issue: Issue) -> None:
    """Refuse vectors of another space than the issue's, once it has one."""
    dimension = candidates.embeddings.shape[1]
    if issue.model_id and (candidates.model_id, dimension) != (issue.model_id, issue.dimension):
        problem = (
            f"its embedding is of model {candidates.model_id!r} and dimension {dimension}, "
            f"the issue's are of {issue.model_id!r} and {issue.dimension}"
        )
        raise refused(0, candidates.candidates[0], "", problem, "SPACE_MISMATCH")


def make_elements(candidates: Candidates) -> tuple[list[Element], NDArray[np.float32]]:
    """The candidates as elements, each with a point of its own, and their unit vectors.

    Raises InvalidArgument naming an element whose embedding has no direction.
    """
    vectors = _unit_vectors(candidates)
    elements = []
    for candidate, vector in zip(candidates.candidates, vectors):
        frame = candidate.frame.to_bytes()
        elements.append(
            Element(
                frame_id=candidate.frame.id,
                label_id=candidate.label_id,
                digest=content_digest(frame, candidate.label_id, vector),
                frame=frame,
                # Not made from the content: of two calls that remove and add the same element
                # at once, the one would delete the point that the other has just named.
                point=create_point_id().bytes,
            )
        )
    return elements, vectors


def content_digest(frame: bytes, label_id: str, vector: NDArray[np.float32]) -> bytes:
    """The SHA-256 of an element: its frame, label id and float32 vector, each after its length."""
    content = sha256()
    for part in (frame, label_id.encode(), vector.astype("<f4", copy=False).tobytes()):
        content.update(len(part).to_bytes(8, "little"))
        content.update(part)
    return content.digest()


def sample_digest(label_id: str, vector: NDArray[np.float32]) -> bytes:
    """The SHA-256 of a sample that a snapshot takes in: that of an element without its frame.

    A sample's frame never changes, and with its vector alone a snapshot's points prove themselves.
    """
    return content_digest(b"", label_id, vector)


def _unit_vectors(candidates: Candidates) -> NDArray[np.float32]:
    rows, expected = len(candidates.embeddings), len(candidates.candidates)
    if rows != expected:
        problem = f"{rows} rows for {expected} elements; each has one"
        raise InvalidArgument.of("embeddings", problem)
    try:
        return normalise(candidates.embeddings)
    except InvalidArgument as error:
        # It knows rows; whoever sent them knows elements.
        row = int(error.metadata["rows"].partition(",")[0])
        raise InvalidArgument(
            f"elements[{row}] ({candidates.candidates[row]}): {error.message}",
            reason=error.reason,
            fields=error.fields,
            metadata=error.metadata,
        ) from None


def _check_labels(
    index: int, candidate: Candidate, task_type: TaskType, class_names: set[str]
) -> None:
    labels = candidate.frame.labels
    for number, label in enumerate(labels):
        if problem := _label_problem(label, task_type, class_names):
            path = f".frame.labels[{number}]"
            raise refused(index, candidate, path, problem, "LABEL_MISMATCH", label_id=label.id)
    if candidate.label_id and candidate.label_id not in {label.id for label in labels}:
        known = ", ".join(repr(label.id) for label in labels) or "none"
        problem = f"{candidate.label_id!r} is not a label of its frame, which has {known}"
        raise refused(index, candidate, ".label_id", problem)


def _label_problem(label: Label, task_type: TaskType, class_names: set[str]) -> str:
    if label.task_type != task_type:
        return f"label {label.id!r} is {label.task_type.name}, the dataset's are {task_type.name}"
    # A mask has a class for each pixel, and none of its own.
    if task_type != TaskType.SEMSEG_2D and label.class_name not in class_names:
        return f"label {label.id!r} is of class {label.class_name!r}, which the dataset has not"
    return ""


def refused(
    index: int,
    candidate: Candidate,
    path: str,
    problem: str,
    reason: str | None = None,
    **metadata: str,
) -> InvalidArgument:
    """The error that names an element by its place and id, and the field of it that is wrong."""
    field = f"elements[{index}]{path}"
    named = {"frame_id": candidate.frame.id} | metadata
    return InvalidArgument(
        f"{field} ({candidate}): {problem}",
        reason=reason,
        fields=[FieldViolation(field, problem)],
        metadata=named,
    )
