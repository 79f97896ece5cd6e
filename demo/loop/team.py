"""One team at its loop, by calls of the API alone: choose, annotate, check, train, evaluate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from demo.loop.world import (
    CLASSES,
    Classifier,
    Numbers,
    World,
    frame,
    frame_id,
    label,
    number_of,
)
from sluice import CollectionClient
from sluice.resources.batches import BatchSettings
from sluice.resources.filters import frame_filter
from sluice.resources.rounds import PredictedFrame, Prediction
from sluice.v1 import batch_pb2, dataset_pb2, frame_pb2, golden_set_pb2, progress_pb2

MODEL: Final = "digits-pixels"
PER_ROUND: Final = 20
DRIFTING_ROUND: Final = 4
TARGET: Final = 0.9
"""The accuracy that is wanted in the test split."""

HELD_OUT: Final = ("validation", "test", "golden")
FRAMES_PER_CALL: Final = 512


@dataclass(frozen=True, slots=True)
class Step:
    """What a round came to."""

    round: int
    labelled: int
    coverage: int
    targeted: int
    failures: int
    accuracy: float
    golden: str
    """What golden QA said, first of the annotators that drifted if they did."""


@dataclass(frozen=True, slots=True)
class Team:
    """A dataset of its own, and what is done with it; a team that chooses has embeddings."""

    client: CollectionClient
    world: World
    dataset: str
    chooses: bool

    @classmethod
    def start(cls, client: CollectionClient, world: World, project: str, *, chooses: bool) -> Team:
        """Create the dataset and append all frames: those held out are annotated already."""
        dataset_id = f"{'chosen' if chooses else 'random'}-{world.seed}"
        classes = [dataset_pb2.LabelClass(id=each, name=str(each)) for each in range(CLASSES)]
        made = client.projects.create_dataset(
            project,
            dataset_id,
            dataset_pb2.Dataset(
                task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D,
                classes=classes,
            ),
        )
        team = cls(client, world, made.name, chooses)
        team._append(world.pool)
        for split in HELD_OUT:
            numbers = getattr(world, split)
            team._append(numbers, world.truth[numbers], split=split)
        golden = zip(world.golden.tolist(), world.truth[world.golden].tolist())
        client.golden_sets.create(made.name, "golden", (frame(*each) for each in golden))
        return team

    def run(self, rounds: int, on_step: Callable[[], object]) -> list[Step]:
        """Go through the loop so many times."""
        steps = []
        for number in range(1, rounds + 1):
            steps.append(self._step(number))
            on_step()
        return steps

    def progress(self) -> progress_pb2.DatasetProgress:
        """What all rounds say together."""
        return self.client.progress.get(self.dataset, target=TARGET)

    def _step(self, number: int) -> Step:
        batch = self._choose(number)
        golden = self._annotate(batch.name, number)
        numbers, classes = self._labelled()
        failures, accuracy = self._evaluate(number, self.world.train(numbers, classes))
        return Step(
            round=number,
            labelled=len(numbers),
            coverage=batch.coverage_count,
            targeted=batch.targeted_count,
            failures=failures,
            accuracy=accuracy,
            golden=golden,
        )

    def _choose(self, number: int) -> batch_pb2.Batch:
        """The next batch answers to the failures of the round before."""
        failures = {f"r{number - 1}": 1.0} if number > 1 and self.chooses else {}
        settings = BatchSettings(count=PER_ROUND, failures=failures, seed=number)
        return self.client.batches.create(self.dataset, f"b{number}", settings)

    def _annotate(self, batch: str, number: int) -> str:
        """Have the batch annotated, and again by others if golden QA says that labels drifted."""
        picked = [pick.group for pick in self.client.batches.picks(batch)]
        numbers = np.array([number_of(group) for group in picked])
        said = []
        for guideline, drifting in (("1", number == DRIFTING_ROUND), ("2", False)):
            self._append(numbers, self.world.annotate(numbers, number, drifting=drifting))
            check = self._check(number, guideline, drifting=drifting)
            said.append(golden_set_pb2.GoldenVerdict.Name(check.verdict).rpartition("_")[2].lower())
            if not check.blocks:
                break
        self.client.datasets.set_status(self.dataset, picked, "annotated")
        return ", then ".join(said)

    def _check(self, number: int, guideline: str, *, drifting: bool) -> golden_set_pb2.GoldenCheck:
        """Compare what the round's annotators say of the golden set with what is true."""
        golden = self.world.golden
        said = self.world.annotate(golden, 100 + number, drifting=drifting)
        answer = self.client.golden_sets.check(
            f"{self.dataset}/goldenSets/golden",
            (frame(*each) for each in zip(golden.tolist(), said.tolist())),
            round_number=number,
            schema_version="1",
            annotator="digits",
            guideline_version=guideline,
        )
        return answer.check

    def _labelled(self) -> tuple[Numbers, Numbers]:
        """All that is annotated and not held out, with its classes."""
        wanted = frame_filter(statuses=["annotated"], splits=["none"])
        found = [each.frame for each in self.client.datasets.frames(self.dataset, wanted)]
        numbers = [number_of(each.id) for each in found]
        return np.array(numbers), np.array([int(each.labels[0].class_name) for each in found])

    def _evaluate(self, number: int, classifier: Classifier) -> tuple[int, float]:
        """Measure the test split, and mine the failures of the validation split."""
        rounds = self.client.rounds
        made = rounds.create(self.dataset, f"r{number}", metric_split="test")
        for split in (self.world.validation, self.world.test):
            rounds.import_predictions(made.name, _predictions(classifier, split))
        measured = rounds.mine_failures(made.name, "validation")
        self.client.progress.record_measured(self.dataset, number, made.name)
        return measured.mined.failed_frames, measured.metric.right / measured.metric.frames

    def _append(self, numbers: Numbers, classes: Numbers | None = None, *, split: str = "") -> None:
        """Append frames, or replace those that have no class yet or another one."""
        for start in range(0, len(numbers), FRAMES_PER_CALL):
            part = slice(start, start + FRAMES_PER_CALL)
            known = [None] * len(numbers) if classes is None else classes.tolist()
            self.client.datasets.append(
                self.dataset,
                [frame(*each) for each in zip(numbers[part].tolist(), known[part], strict=True)],
                self.world.pixels[numbers[part]] if self.chooses else None,
                model_id=MODEL if self.chooses else "",
                status="unlabelled" if classes is None else "annotated",
                split=split,
            )


def _predictions(classifier: Classifier, numbers: Numbers) -> list[PredictedFrame]:
    classes, sure = classifier.predict(numbers)
    return [
        PredictedFrame(frame_id(number), (Prediction(label(number, class_id), score),))
        for number, class_id, score in zip(
            numbers.tolist(), classes.tolist(), sure.tolist(), strict=True
        )
    ]
