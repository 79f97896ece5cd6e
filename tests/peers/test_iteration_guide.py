"""The script of docs/iteration.md runs as printed, on a real FiftyOne."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from sluice import Frame
from sluice.fiftyone import SampleFields, append_dataset
from sluice.resources.rounds import PredictedFrame, Prediction
from tests.e2e.sluiced import Server
from tests.e2e.team import Team, vector
from tests.peers.samples import add_scene, cloud, cuboid, image, van, vans

GUIDE = Path(__file__).parents[2] / "docs" / "iteration.md"
SAMPLE_FIELDS = SampleFields("human_detections", "embeddings", model_id="clip-vit-b32")
GROUPS = 100
SPLITS = {"validation": range(10), "test": range(10, 20), "golden": range(20, 55)}
V0 = range(55, 60)
"""The other groups are the pool, with these annotated."""


def camera(number: int, side: str) -> fo.Sample:
    """One image of a scene, with an embedding; those annotated have a van."""
    name = f"{'vx'[number % 2]}{number}-{side}"
    labels = vans(van()) if number < V0.stop else None
    return image(name, human_detections=labels, embeddings=vector(name))


def fill(dataset: Any) -> list[str]:
    """Add the scenes, each of two images and a point cloud; returns the ids of the groups."""
    return [
        add_scene(
            dataset,
            left=camera(number, "left"),
            right=camera(number, "right"),
            pcd=cloud(str(number)),
        )
        for number in range(GROUPS)
    ]


def run_example(start: str, variables: dict[str, Any]) -> None:
    """Run the example of the page that starts so."""
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    [example] = [example for example in examples if example.startswith(start)]
    exec(compile(example, str(GUIDE), "exec"), variables)  # noqa: S102 - our own page


def test_slices_are_appended_apart(team: Team, grouped: Any) -> None:
    """Images with boxes and point clouds with cuboids become slices of the same groups."""
    name = f"{team.project}/datasets/d"
    labelled = {"left": image("l", vans(van())), "right": image("r", vans())}
    group = add_scene(grouped, **labelled, pcd=cloud("c", vans(cuboid())))

    run_example(
        "images =",
        {
            "client": team,
            "DATASET": name,
            "fo_dataset": grouped,
            "SampleFields": SampleFields,
            "append_dataset": append_dataset,
        },
    )

    frames = {frame.slice: frame for frame in team.datasets.frames(name)}
    assert {"left": 1, "right": 0, "pcd": 0} == {
        slice_: len(frame.frame.labels) for slice_, frame in frames.items()
    }
    assert {group} == {frame.group for frame in frames.values()}


def test_groups_are_selected_by_select_groups(grouped: Any) -> None:
    """The match of FiftyOne's tutorial selects nothing, as the page says; `select_groups` does."""
    groups = [add_scene(grouped, left=image(str(number))) for number in range(2)]

    assert [] == grouped.match(F("scene.id").is_in(groups)).values("id")
    assert groups[1:] == grouped.select_groups(groups[1:]).values("scene.id")


def test_the_script_selects(server: Server, team: Team, grouped: Any) -> None:
    """The guide's script changes the server and FiftyOne as the guide says."""
    name = f"{team.project}/datasets/d"
    groups = fill(grouped)
    for split, numbers in SPLITS.items():
        part = grouped.select_groups([groups[number] for number in numbers])
        counts = append_dataset(
            team.datasets, name, part, SAMPLE_FIELDS, status="annotated", split=split
        )
        assert (3 * len(numbers), []) == (counts.added, counts.unlabelled_groups)
    stored = {frame.frame.id: frame for frame in team.datasets.frames(name)}
    annotated = {id: Frame.from_proto(f.frame) for id, f in stored.items() if f.frame.labels}
    frames_of = {
        split: [annotated[id] for id in annotated if stored[id].group in {groups[n] for n in part}]
        for split, part in SPLITS.items()
    }
    team.golden_sets.create(name, "golden-qa", frames_of["golden"])
    # The model is right in test, and blind to every second scene of validation.
    validation = frames_of["validation"]
    predicted = frames_of["test"] + validation[::4]
    missed = [frame for frame in validation if frame not in predicted]
    variables: dict[str, Any] = {
        "TARGET": server.target,
        "API_KEY": server.admin_key,
        "DATASET": name,
        "fo_dataset": grouped,
        "golden_frames": frames_of["golden"],
        "groups_of_v0": [groups[number] for number in V0],
        "predictions": [
            *(PredictedFrame(f.id, (Prediction(f.labels[0], 0.9),)) for f in predicted),
            *(PredictedFrame(f.id) for f in missed),
        ],
    }

    run_example("import sluice", variables)

    picks = list(team.batches.picks(f"{name}/batches/v1"))
    picked = {pick.group for pick in picks}
    targeted = [pick.failure_frame_id for pick in picks if pick.failure_frame_id]
    labelling = variables["progress"].labelling
    assert len(missed) == variables["mined"].failed_frames
    assert {frame.id for frame in missed} >= set(targeted)
    assert 10 == len(picks)
    assert picked <= set(groups[V0.stop :])
    assert (3, 7) == (variables["batch"].coverage_count, len(targeted))
    assert (5, 10) == (labelling.annotated, labelling.selected)
    assert (30, 55) == (labelling.unlabelled, labelling.held_out)
    assert 0.9 == variables["progress"].target.target
    assert picked == set(grouped.load_saved_view("v1").values("scene.id"))
    tags = zip(
        *grouped.select_group_slices(_allow_mixed=True).values(["scene.id", "tags"]), strict=True
    )
    assert all((group in picked) == ("to_annotate" in words) for group, words in tags)
    assert picked == set(variables["next_view"].values("scene.id"))
