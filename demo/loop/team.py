"""A team in its iteration loop, through the API: select, annotate, check, train, evaluate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from demo.loop.simulation import (
    CLASSES,
    Classifier,
    Numbers,
    Simulation,
    frame_id,
    make_frame,
    make_label,
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
"""The target accuracy of the test split."""

HELD_OUT: Final = ("validation", "test", "golden")
FRAMES_PER_CALL: Final = 512


@dataclass(frozen=True, slots=True)
class Step:
    """The figures of one round."""

    round: int
    labelled: int
    coverage: int
    targeted: int
    failures: int
    accuracy: float
    golden: str
    """The verdicts of golden QA, the first of them before any correction."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team with a dataset of its own; a team that selects has embeddings."""

    client: CollectionClient
    simulation: Simulation
    dataset: str
    chooses: bool

    @classmethod
    def start(
        cls, client: CollectionClient, simulation: Simulation, project: str, *, chooses: bool
    ) -> Team:
        """Create the dataset and append all frames; held-out frames are annotated."""
        dataset_id = f"{'chosen' if chooses else 'random'}-{simulation.seed}"
        classes = [dataset_pb2.LabelClass(id=number, name=str(number)) for number in range(CLASSES)]
        created = client.projects.create_dataset(
            project,
            dataset_id,
            dataset_pb2.Dataset(
                task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D,
                classes=classes,
            ),
        )
        team = cls(client, simulation, created.name, chooses)
        team._append(simulation.pool)
        for split in HELD_OUT:
            numbers = getattr(simulation, split)
            team._append(numbers, simulation.truth[numbers], split=split)
        golden = zip(simulation.golden.tolist(), simulation.truth[simulation.golden].tolist())
        client.golden_sets.create(created.name, "golden", (make_frame(*pair) for pair in golden))
        return team

    def run(self, rounds: int, on_step: Callable[[], object]) -> list[Step]:
        """Run this many rounds of the loop."""
        steps = []
        for number in range(1, rounds + 1):
            steps.append(self._step(number))
            on_step()
        return steps

    def progress(self) -> progress_pb2.DatasetProgress:
        """Read the progress over all rounds."""
        return self.client.progress.get(self.dataset, target=TARGET)

    def _step(self, number: int) -> Step:
        batch = self._create_batch(number)
        golden = self._annotate(batch.name, number)
        numbers, classes = self._read_labelled()
        failures, accuracy = self._evaluate(number, self.simulation.train(numbers, classes))
        return Step(
            round=number,
            labelled=len(numbers),
            coverage=batch.coverage_count,
            targeted=batch.targeted_count,
            failures=failures,
            accuracy=accuracy,
            golden=golden,
        )

    def _create_batch(self, number: int) -> batch_pb2.Batch:
        """Create the next batch, targeting the failures of the previous round."""
        failures = {f"r{number - 1}": 1.0} if number > 1 and self.chooses else {}
        settings = BatchSettings(count=PER_ROUND, failures=failures, seed=number)
        return self.client.batches.create(self.dataset, f"b{number}", settings)

    def _annotate(self, batch: str, number: int) -> str:
        """Annotate the batch; annotate it again if golden QA fails. Returns the verdicts."""
        picked = [pick.group for pick in self.client.batches.picks(batch)]
        numbers = np.array([number_of(group) for group in picked])
        verdicts = []
        for guideline, drifting in (("1", number == DRIFTING_ROUND), ("2", False)):
            self._append(numbers, self.simulation.annotate(numbers, number, drifting=drifting))
            check = self._check(number, guideline, drifting=drifting)
            verdict = golden_set_pb2.GoldenVerdict.Name(check.verdict)
            verdicts.append(verdict.rpartition("_")[2].lower())
            if not check.blocks:
                break
        self.client.datasets.set_status(self.dataset, picked, "annotated")
        return ", then ".join(verdicts)

    def _check(self, number: int, guideline: str, *, drifting: bool) -> golden_set_pb2.GoldenCheck:
        """Compare the round's annotations of the golden set with the true classes."""
        golden = self.simulation.golden
        classes = self.simulation.annotate(golden, 100 + number, drifting=drifting)
        response = self.client.golden_sets.check(
            f"{self.dataset}/goldenSets/golden",
            (make_frame(*pair) for pair in zip(golden.tolist(), classes.tolist())),
            round_number=number,
            schema_version="1",
            annotator="digits",
            guideline_version=guideline,
        )
        return response.check

    def _read_labelled(self) -> tuple[Numbers, Numbers]:
        """Read the numbers and classes of all annotated frames that are not held out."""
        annotated = frame_filter(statuses=["annotated"], splits=["none"])
        frames = [row.frame for row in self.client.datasets.frames(self.dataset, annotated)]
        numbers = [number_of(frame.id) for frame in frames]
        return np.array(numbers), np.array([int(frame.labels[0].class_name) for frame in frames])

    def _evaluate(self, number: int, classifier: Classifier) -> tuple[int, float]:
        """Measure the test split, and mine the failures of the validation split."""
        rounds = self.client.rounds
        round_ = rounds.create(self.dataset, f"r{number}", metric_split="test")
        for split in (self.simulation.validation, self.simulation.test):
            rounds.import_predictions(round_.name, _predictions(classifier, split))
        evaluated = rounds.mine_failures(round_.name, "validation")
        self.client.progress.record_measured(self.dataset, number, round_.name)
        return evaluated.mined.failed_frames, evaluated.metric.right / evaluated.metric.frames

    def _append(self, numbers: Numbers, classes: Numbers | None = None, *, split: str = "") -> None:
        """Append frames, or replace them to set their class."""
        for start in range(0, len(numbers), FRAMES_PER_CALL):
            part = slice(start, start + FRAMES_PER_CALL)
            known = [None] * len(numbers) if classes is None else classes.tolist()
            self.client.datasets.append(
                self.dataset,
                [
                    make_frame(*pair)
                    for pair in zip(numbers[part].tolist(), known[part], strict=True)
                ],
                self.simulation.pixels[numbers[part]] if self.chooses else None,
                model_id=MODEL if self.chooses else "",
                status="unlabelled" if classes is None else "annotated",
                split=split,
            )


def _predictions(classifier: Classifier, numbers: Numbers) -> list[PredictedFrame]:
    classes, scores = classifier.predict(numbers)
    return [
        PredictedFrame(frame_id(number), (Prediction(make_label(number, class_id), score),))
        for number, class_id, score in zip(
            numbers.tolist(), classes.tolist(), scores.tolist(), strict=True
        )
    ]
