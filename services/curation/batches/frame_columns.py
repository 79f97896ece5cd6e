"""The frames of a dataset in columns, as a batch is planned from them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from services.curation.batches.projection import check_rows
from services.curation.batches.records import CreateBatchSpec, remains
from services.curation.datasets.frames import FrameSummary
from services.curation.records import HELD_OUT, Status
from services.curation.selection.admission import NO_SCENE
from services.curation.zcore.stored_scores import StoredScores
from sluice.names import DatasetName


@dataclass(frozen=True, slots=True)
class FailingFrame:
    """A failing frame, its weight, and its vectors' rows."""

    frame_id: str
    weight: float
    rows: slice


@dataclass(slots=True)
class FrameColumns:
    """The frames read so far; groups are numbered in the order in which they are first read."""

    spec: CreateBatchSpec
    numbers: dict[str, int] = field(default_factory=dict)
    excluded: list[bool] = field(default_factory=list)
    labelled: list[bool] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    scenes: list[int] = field(default_factory=list)
    scene_numbers: dict[object, int] = field(default_factory=dict)
    points: bytearray = field(default_factory=bytearray)
    owners: array[int] = field(default_factory=lambda: array("q"))
    failing: list[FailingFrame] = field(default_factory=list)
    zcore: StoredScores = field(default_factory=StoredScores)
    frames: int = 0

    def add(self, frame: FrameSummary) -> None:
        """Add a frame."""
        self.frames += 1
        number = self._number(frame)
        if (scene := self._scene(frame)) != NO_SCENE:
            self.scenes[number] = scene
        first = len(self.owners)
        for vector in frame.row.vectors:
            self.points += vector.point
            self.owners.append(number)
        if frame.row.vectors and not self.excluded[number]:
            self.zcore.add(number, frame.row.fields.get(self.spec.zcore_field))
        rounds = frame.row.failures
        failures = [failure for failure in self.spec.failures if rounds.get(failure.round)]
        if weight := sum(failure.weight for failure in failures):
            rows = slice(first, len(self.owners))
            self.failing.append(FailingFrame(frame.row.id, weight, rows))
            self.failed[number] = True

    def check_size(self, name: DatasetName) -> None:
        """Raise InvalidArgument for a dataset that is too large to be held."""
        check_rows("parent", name, self.frames, len(self.owners))

    def _number(self, frame: FrameSummary) -> int:
        group = frame.group
        number = self.numbers.setdefault(group.id, len(self.numbers))
        if number == len(self.excluded):
            # Held-out groups are never trained on: they neither cover nor repeat other groups.
            labelled = group.status is not Status.UNLABELLED and group.split not in HELD_OUT
            self.excluded.append(not remains(group))
            self.labelled.append(labelled)
            self.failed.append(False)
            self.scenes.append(NO_SCENE)
        return number

    def _scene(self, frame: FrameSummary) -> int:
        value = frame.row.fields.get(self.spec.scene_field)
        if value is None:
            return NO_SCENE
        # In Python True equals 1; as scenes they differ.
        scene = isinstance(value, bool), value
        return self.scene_numbers.setdefault(scene, len(self.scene_numbers))
