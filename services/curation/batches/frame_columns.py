"""The frames of a dataset in columns, as a batch looks at them."""

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
    """A failing frame, what it weighs, and which rows are its."""

    frame_id: str
    weight: float
    rows: slice


@dataclass(slots=True)
class FrameColumns:
    """The frames that were read so far; groups are numbered as they come."""

    wanted: CreateBatchSpec
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

    def add(self, known: FrameSummary) -> None:
        """Take a frame in."""
        self.frames += 1
        number = self._number(known)
        if (scene := self._scene(known)) != NO_SCENE:
            self.scenes[number] = scene
        first = len(self.owners)
        for vector in known.row.vectors:
            self.points += vector.point
            self.owners.append(number)
        if known.row.vectors and not self.excluded[number]:
            self.zcore.take(number, known.row.fields.get(self.wanted.zcore_field))
        rounds = known.row.failures
        weight = sum(each.weight for each in self.wanted.failures if rounds.get(each.round))
        if weight:
            rows = slice(first, len(self.owners))
            self.failing.append(FailingFrame(known.row.id, weight, rows))
            self.failed[number] = True

    def check(self, name: DatasetName) -> None:
        """Refuse a dataset that is too large to be held."""
        check_rows("parent", name, self.frames, len(self.owners))

    def _number(self, known: FrameSummary) -> int:
        group = known.group
        number = self.numbers.setdefault(group.id, len(self.numbers))
        if number == len(self.excluded):
            # What is held out teaches models nothing: it covers nothing, and nothing repeats it.
            labelled = group.status is not Status.UNLABELLED and group.split not in HELD_OUT
            self.excluded.append(not remains(group))
            self.labelled.append(labelled)
            self.failed.append(False)
            self.scenes.append(NO_SCENE)
        return number

    def _scene(self, known: FrameSummary) -> int:
        value = known.row.fields.get(self.wanted.scene_field)
        if value is None:
            return NO_SCENE
        # Python counts True as 1.
        told_apart = isinstance(value, bool), value
        return self.scene_numbers.setdefault(told_apart, len(self.scene_numbers))
