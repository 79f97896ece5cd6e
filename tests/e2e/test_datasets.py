"""Datasets through the client, in each form: from frames to failures, and searches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sluice import Frame, errors
from sluice.append_file import Placement, append_file
from sluice.formats import Columns
from sluice.formats.predictions import read_predictions
from sluice.resources.batches import BatchSettings
from sluice.resources.datasets import NewFrame
from sluice.resources.filters import frame_filter
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2, ingest_pb2
from tests.e2e.cli import Cli
from tests.e2e.sluiced import Server
from tests.e2e.team import MODEL, Team, frames, vector

PLAIN = [f"x{number}" for number in range(20)]
VANS = [f"v{number}" for number in range(6)]


@pytest.fixture
def dataset(team: Team) -> str:
    """The dataset of the team, with twenty plain frames and six of vans."""
    name = f"{team.project}/datasets/d"
    ids = [*PLAIN, *VANS]
    rows = [Frame(id=id) for id in ids]
    team.datasets.append(name, rows, np.stack(list(map(vector, ids))), model_id=MODEL)
    return name


def write_coco(folder: Path, *ids: str) -> Path:
    """Write a COCO file with a van in each of these images."""
    file = folder / "labels.json"
    boxes = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 10, 10]} for n in range(len(ids))
    ]
    images = [{"id": number, "file_name": id} for number, id in enumerate(ids)]
    categories = [{"id": 1, "name": "van"}]
    document = {"images": images, "annotations": boxes, "categories": categories}
    file.write_text(json.dumps(document))
    return file


def write_predictions(folder: Path, **left_edges: float) -> Path:
    """Write predictions: a van in each frame, with its left edge."""
    file = folder / "predictions.jsonl"
    lines = [
        json.dumps(
            {
                "frame_id": id,
                "predictions": [{"class_name": "van", "score": 0.9, "box": [left, 0, 10, 10]}],
            }
        )
        for id, left in left_edges.items()
    ]
    file.write_text("\n".join(lines))
    return file


def test_a_round_of_the_loop(team: Team, dataset: str, tmp_path: Path) -> None:
    """Select, label by COCO, split, predict, mine, find similar frames, make an issue."""
    team.datasets.set_status(dataset, VANS, "selected")
    labels = append_file(
        team.datasets, dataset, write_coco(tmp_path, *VANS), Columns(), placement=Placement()
    )
    team.datasets.set_status(dataset, VANS, "annotated")
    counts = team.datasets.assign_splits(
        dataset, {"train": 0.5, "validation": 0.5}, statuses=["annotated"]
    )
    train = [f.frame.id for f in team.datasets.frames(dataset, frame_filter(splits=["train"]))]
    round_ = team.rounds.create(dataset, "r1", metric_split="validation").name
    left_edges = {id: 0.0 if id != train[0] else 50.0 for id in VANS}
    team.rounds.import_predictions(
        round_, list(read_predictions(write_predictions(tmp_path, **left_edges)))
    )
    mined = team.rounds.mine_failures(round_, "train")

    assert (0, 6) == (labels.added, labels.changed)
    assert (20, 6, 3, 3) == (counts.unlabelled, counts.annotated, counts.train, counts.validation)
    assert (3, 0, 1) == (mined.metric.right, mined.metric.failed_frames, mined.mined.failed_frames)
    failed = frame_filter(round_id="r1", failures=["missed"])
    assert [train[0]] == [f.frame.id for f in team.datasets.frames(dataset, failed)]
    hits = team.datasets.similar(dataset, [train[0]], limit=5)
    assert {*VANS} - {train[0]} == {hit.frame.frame.id for hit in hits}
    issue = team.issues.create(team.project, "missed vans", dataset).name
    assert 6 == team.datasets.pick(dataset, issue, VANS).element_count
    with pytest.raises(errors.FailedPrecondition, match="'validation' is the metric split"):
        team.rounds.mine_failures(round_, "validation")


def test_scenes_fields_and_views(team: Team, dataset: str) -> None:
    """A scene has one status, fields are set and removed, a view filters current frames."""
    scene = [
        NewFrame(Frame(id=f"s-{side}"), "s", side, {"weather": "fog", "speed": 3})
        for side in ("left", "right")
    ]
    team.datasets.append(dataset, scene)
    view = team.datasets.save_view(dataset, "fog", frame_filter(fields={"weather": "fog"}))
    team.datasets.set_status(dataset, ["s"], "selected")
    changed = team.datasets.set_fields(dataset, {"s-left": {"speed": None, "weather": "sun"}})
    view.filter.statuses.append(dataset_frame_pb2.ANNOTATION_STATUS_SELECTED)
    team.datasets.change_view(view)
    shown = list(team.datasets.frames(dataset, view="fog"))

    assert 1 == changed
    assert ["s-right"] == [row.frame.id for row in shown]
    assert view.filter == team.datasets.view(view.name).filter
    assert [view.name] == [row.name for row in team.datasets.views(dataset)]
    assert 2 == team.datasets.tag(dataset, ["s-left", "s-right"], add=["batch:b"])
    [tagged] = team.datasets.frames(
        dataset, frame_filter(tags=["batch:b"], bounds={"speed": (1, 3)})
    )
    assert shown[0].name == tagged.name
    assert ["batch:b"] == team.datasets.get(tagged.name).tags
    team.datasets.delete_view(view.name)
    assert [] == list(team.datasets.views(dataset))
    with pytest.raises(errors.InvalidArgument, match="'new' is none of unlabelled, selected"):
        team.datasets.set_status(dataset, ["s"], "new")


def test_embeddings_come_back_with_their_frames(team: Team, dataset: str) -> None:
    """Reading a dataset gives each frame with its unit vector."""
    read: dict[str, Any] = {}
    for part in team.datasets.read(dataset):
        rows = Embeddings.from_proto(part.embeddings)
        assert [""] * len(part.frames) == list(rows.label_ids)
        read |= {f.frame.id: row for f, row in zip(part.frames, rows.vectors, strict=True)}

    assert {*PLAIN, *VANS} == set(read)
    for id, row in read.items():
        np.testing.assert_allclose(vector(id) / np.linalg.norm(vector(id)), row, atol=1e-6)


def test_scores_are_stored_and_a_batch_takes_them(
    team: Team, dataset: str, server: Server, tmp_path: Path
) -> None:
    """Command and client give the same scores; the notes of a batch name their field."""
    cli = Cli(server, tmp_path)
    options = ("--seed", "3", "--draws", "2000", "--neighbours", "5")
    output = cli.run("datasets", "zcore", dataset, *options)
    by_command = {f.frame.id: f.fields["zcore"].number for f in team.datasets.frames(dataset)}
    *_, last = team.datasets.compute_zcore(
        dataset, frame_filter(), field="again", seed=3, draws=2_000, neighbours=5
    )
    by_client = {f.frame.id: f.fields["again"].number for f in team.datasets.frames(dataset)}
    stderr = cli.run("datasets", "zcore", dataset, *options, "--field", "night=true", code=1)
    settings = BatchSettings(count=5, coverage="zcore", zcore_field="again")
    batch = team.batches.create(dataset, "b", settings)
    picked = [pick.group for pick in team.batches.picks(batch.name)]

    assert "26 frames have a score; 26 scores changed" in output
    assert "none of the selected frames has an embedding" in stderr
    assert (26, 26) == (last.scored_count, last.changed_count)
    assert by_command == by_client
    assert (0.0, 1.0) == (min(by_client.values()), max(by_client.values()))
    assert "ZCore scores are those stored in field 'again'." in batch.notes
    assert sorted(by_client, key=lambda id: -by_client[id])[:5] == picked


def test_a_dataset_is_searched_with_the_funnel_of_a_stream(team: Team, dataset: str) -> None:
    """A search counts and collects the same as a logger's stream of the same frames."""
    progress = list(team.datasets.search(dataset))[-1]
    searched = {title: team.funnel(title) for title in team.started}
    collected = {title: team.collected(title) for title in team.started}
    team.create_project("q")
    for axis, title in enumerate(("vans", "trams")):
        team.start(title, axis=axis)
    team.sync_state(["q"])
    team.sample_probabilities(frames(*PLAIN, *VANS))
    team.save_for_collection()

    assert (26, True) == (progress.frames, progress.done)
    assert progress.passing >= len(VANS)
    for title, funnel in searched.items():
        streamed = team.funnel(title)
        assert collected[title] == team.collected(title)
        assert _counts(streamed) == _counts(funnel)
        assert streamed.scores.mean == pytest.approx(funnel.scores.mean)


def _counts(funnel: ingest_pb2.Funnel) -> dict[str, Any]:
    """All counts of a funnel; the sums of scores may differ in their last bits."""
    counts = {
        field.name: value
        for field, value in funnel.ListFields()
        if field.name not in ("campaign", "scores")
    }
    return counts | {"histogram": list(funnel.scores.histogram)}
