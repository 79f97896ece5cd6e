"""Checks of the frames and crops that a request adds to an issue; each error names the element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from services.campaign.records import DatasetRecord, ElementRecord, IssueRecord
from services.records.points import create_point_id
from sluice.class_names import suggest_class
from sluice.errors import FieldViolation, InvalidArgument
from sluice.frames import Frame
from sluice.labels import Label, TaskType
from sluice.limits import BATCH_ROWS_MAX
from sluice.names import DatasetName
from sluice.scoring.vectors import normalise


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame, or a crop of it, to add to an issue; `dataset` is the resource name as sent."""

    frame: Frame
    label_id: str
    dataset: str

    def __str__(self) -> str:
        crop = f", label {self.label_id!r}" if self.label_id else ""
        return f"frame {self.frame.id!r}{crop}"


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """The candidates of one request; `embeddings` are `(candidates, dimension)`, not normalised."""

    model_id: str
    candidates: Sequence[Candidate]
    embeddings: NDArray[np.float32]


def check_dataset(
    candidates: Sequence[Candidate], name: DatasetName, dataset: DatasetRecord
) -> None:
    """Reject duplicates, candidates of another dataset, and labels that the dataset forbids."""
    check_count(len(candidates))
    class_names = {label_class.name for label_class in dataset.classes}
    first_index: dict[tuple[str, str], int] = {}
    for index, candidate in enumerate(candidates):
        ids = (candidate.frame.id, candidate.label_id)
        if (first := first_index.setdefault(ids, index)) != index:
            raise candidate_error(index, candidate, "", f"is a duplicate of elements[{first}]")
        if candidate.dataset != str(name):
            problem = f"is of dataset {candidate.dataset!r}, the issue of {str(name)!r}"
            raise candidate_error(index, candidate, ".dataset", problem, "DATASET_MISMATCH")
        _check_labels(index, candidate, dataset.task_type, class_names)


def check_count(count: int) -> None:
    """Reject a call that names no elements, or too many."""
    if not 0 < count <= BATCH_ROWS_MAX:
        raise InvalidArgument.of(
            "elements",
            f"{count} in one call, 1 to {BATCH_ROWS_MAX} are accepted",
            reason="TOO_LARGE" if count else None,
            metadata={"limit": str(BATCH_ROWS_MAX)} if count else None,
        )


def check_space(candidates: CandidateSet, issue: IssueRecord) -> None:
    """Reject vectors of another space than the issue's, once the issue has one."""
    dimension = candidates.embeddings.shape[1]
    if issue.model_id and (candidates.model_id, dimension) != (issue.model_id, issue.dimension):
        problem = (
            f"its embedding is of model {candidates.model_id!r} and dimension {dimension}, "
            f"the issue's are of {issue.model_id!r} and {issue.dimension}; use that model, or "
            "another issue"
        )
        raise candidate_error(0, candidates.candidates[0], "", problem, "SPACE_MISMATCH")


def build_elements(candidates: CandidateSet) -> tuple[list[ElementRecord], NDArray[np.float32]]:
    """The candidates as elements, each with a new point id, and their unit vectors.

    Raises InvalidArgument naming an element with an embedding that has no direction.
    """
    vectors = _unit_vectors(candidates)
    elements = []
    for candidate, vector in zip(candidates.candidates, vectors):
        frame = candidate.frame.to_bytes()
        elements.append(
            ElementRecord(
                frame_id=candidate.frame.id,
                label_id=candidate.label_id,
                digest=content_digest(frame, candidate.label_id, vector),
                frame=frame,
                # Not derived from the content: if one call removes an element while another adds
                # it again, the removal would delete the point that the addition references.
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
    """The SHA-256 of a sample in a snapshot: that of an element with an empty frame.

    A sample's frame never changes, and without it a snapshot can be verified from its points alone.
    """
    return content_digest(b"", label_id, vector)


def _unit_vectors(candidates: CandidateSet) -> NDArray[np.float32]:
    rows, expected = len(candidates.embeddings), len(candidates.candidates)
    if rows != expected:
        problem = f"{rows} rows for {expected} elements; one row per element is required"
        raise InvalidArgument.of("embeddings", problem)
    try:
        return normalise(candidates.embeddings)
    except InvalidArgument as error:
        # The error names rows; callers know elements.
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
            raise candidate_error(
                index,
                candidate,
                f".frame.labels[{number}]",
                problem,
                "LABEL_MISMATCH",
                label_id=label.id,
            )
    if candidate.label_id and candidate.label_id not in {label.id for label in labels}:
        accepted = ", ".join(repr(label.id) for label in labels) or "none"
        problem = f"{candidate.label_id!r} is not a label of its frame, which has {accepted}"
        raise candidate_error(index, candidate, ".label_id", problem)


def _label_problem(label: Label, task_type: TaskType, class_names: set[str]) -> str:
    if label.task_type != task_type:
        return f"label {label.id!r} is {label.task_type.name}, the dataset's are {task_type.name}"
    # A mask has one class per pixel, and no class of its own.
    if task_type != TaskType.SEMSEG_2D and label.class_name not in class_names:
        suggestion = suggest_class(label.class_name, class_names)
        question = f"; did you mean {suggestion!r}?" if suggestion else ""
        return (
            f"class {label.class_name!r} of label {label.id!r} is not in the dataset's class map"
            + question
        )
    return ""


def candidate_error(
    index: int,
    candidate: Candidate,
    path: str,
    problem: str,
    reason: str | None = None,
    **metadata: str,
) -> InvalidArgument:
    """An error that names an element by index and ids, and its invalid field."""
    field = f"elements[{index}]{path}"
    return InvalidArgument(
        f"{field} ({candidate}): {problem}",
        reason=reason,
        fields=[FieldViolation(field, problem)],
        metadata={"frame_id": candidate.frame.id} | metadata,
    )
