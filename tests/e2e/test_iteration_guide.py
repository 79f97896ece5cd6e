"""The script of docs/iteration.md runs as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from sluice import Box2D, Frame, Label, SensorData
from sluice.fiftyone import SampleFields, append_dataset
from sluice.resources.rounds import PredictedFrame, Prediction
from tests.e2e.fake_fiftyone import Dataset, Detection, Detections, Group, ImageMetadata, Sample
from tests.e2e.sluiced import Server
from tests.e2e.team import Team, vector

GUIDE = Path(__file__).parents[2] / "docs" / "iteration.md"
SAMPLE_FIELDS = SampleFields("human_detections", "embeddings", model_id="clip-vit-b32")
GROUPS, SLICES = 100, ("left", "right")
SPLITS = {"validation": range(10), "test": range(10, 20), "golden": range(20, 55)}
V0 = range(55, 60)
"""The other groups are the pool, with these annotated."""


def sample(number: int, side: str) -> Sample:
    """One slice of a scene; annotated slices have a van."""
    id = f"{'vx'[number % 2]}{number}-{side}"
    vans = [Detection(f"b-{id}", "van", [0.1, 0.2, 0.5, 0.5])] if number < V0.stop else []
    return Sample(
        id,
        f"/images/{id}.png",
        metadata=ImageMetadata(200, 100),
        group=Group(f"g{number}", side),
        human_detections=Detections(vans),
        embeddings=vector(id).tolist(),
    )


def van(frame_id: str) -> Label:
    """The label of a frame's van."""
    return Label(
        id=f"b-{frame_id}", class_name="van", shape=Box2D(20, 20, 100, 50), sensor_id="image"
    )


def annotated(samples: list[Sample]) -> list[Frame]:
    """The annotated frames of samples: a van in each."""
    sensor = SensorData(sensor_id="image", url="u", width=200, height=100)
    return [Frame(id=s.id, sensors=(sensor,), labels=(van(s.id),)) for s in samples]


def select_groups(samples: list[Sample], numbers: range) -> list[Sample]:
    """The samples of some groups."""
    groups = {f"g{number}" for number in numbers}
    return [sample for sample in samples if sample["group"].id in groups]


def test_the_script_selects(server: Server, tmp_path: Path) -> None:
    """The guide's script changes the server and FiftyOne as the guide says."""
    samples = [sample(number, side) for number in range(GROUPS) for side in SLICES]
    source = Dataset(samples, group_field="group")
    with Team(server, tmp_path / "models") as team:
        team.create_project("kitti")
        name = f"{team.project}/datasets/d"
        for split, numbers in SPLITS.items():
            part = Dataset(select_groups(samples, numbers), group_field="group")
            append_dataset(
                team.datasets, name, part, SAMPLE_FIELDS, status="annotated", split=split
            )
        team.golden_sets.create(
            name, "golden-qa", annotated(select_groups(samples, SPLITS["golden"]))
        )
        # The model is right in test, and blind to every second scene of validation.
        predicted = (
            select_groups(samples, SPLITS["test"])
            + select_groups(samples, SPLITS["validation"])[::4]
        )
        missed = [s for s in select_groups(samples, SPLITS["validation"]) if s not in predicted]
        [script] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
        variables: dict[str, Any] = {
            "TARGET": server.target,
            "API_KEY": server.admin_key,
            "DATASET": name,
            "fo_dataset": source,
            "golden_frames": annotated(select_groups(samples, SPLITS["golden"])),
            "groups_of_v0": [f"g{number}" for number in V0],
            "predictions": [
                *(PredictedFrame(s.id, (Prediction(van(s.id), 0.9),)) for s in predicted),
                *(PredictedFrame(s.id) for s in missed),
            ],
        }
        exec(compile(script, str(GUIDE), "exec"), variables)  # noqa: S102 - our own page

        picks = list(team.batches.picks(f"{name}/batches/v1"))
        pool = {f"g{number}" for number in range(V0.stop, GROUPS)}
        assert (20, len(missed)) == (variables["mined"].frames, variables["mined"].failed_frames)
        targeted = [pick.failure_frame_id for pick in picks if pick.failure_frame_id]
        assert {sample.id for sample in missed} >= set(targeted)
        assert 10 == len(picks)
        assert {pick.group for pick in picks} <= pool
        assert (3, 7) == (variables["batch"].coverage_count, len(targeted))
        labelling = variables["progress"].labelling
        assert (5, 10) == (labelling.annotated, labelling.selected)
        assert (30, 55) == (labelling.unlabelled, labelling.held_out)
    picked = {pick.group for pick in picks}
    assert picked == set(source.views["v1"])
    for item in samples:
        assert (item["group"].id in picked) == ("to_annotate" in item.tags)
    assert np.isclose(0.9, variables["progress"].target.target)
