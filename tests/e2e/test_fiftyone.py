"""FiftyOne datasets, read in and written back, against a real server."""

from __future__ import annotations

import pytest

from sluice import errors
from sluice.fiftyone import SampleFields, append_dataset, write_back
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.resources.filters import frame_filter
from tests.e2e.fake_fiftyone import Dataset, Detection, Detections, Group, ImageMetadata, Sample
from tests.e2e.team import DIMENSION, MODEL, Team, vector

SAMPLE_FIELDS = SampleFields("ground_truth", "embedding", MODEL)


def sample(id: str, *boxes: Detection, **fields: object) -> Sample:
    """A sample of 200 × 100 pixels with an embedding."""
    return Sample(
        id,
        f"/images/{id}.png",
        metadata=ImageMetadata(200, 100),
        ground_truth=Detections(list(boxes)),
        embedding=vector(id).tolist(),
        **fields,
    )


def test_samples_are_read_and_written_back(team: Team) -> None:
    """Boxes, fields, tags and embeddings come in once; tags, fields and views go back."""
    name = f"{team.project}/datasets/d"
    van = Detection("b1", "van", [0.1, 0.2, 0.9, 0.5])
    source = Dataset(
        [sample("v1", van, weather="fog", tags=["night"]), sample("v2", weather="sun")]
    )
    first = append_dataset(team.datasets, name, source, SAMPLE_FIELDS)
    again = append_dataset(team.datasets, name, source, SAMPLE_FIELDS)
    [frame] = team.datasets.frames(name, frame_filter(tags=["night"], fields={"weather": "fog"}))
    counts = team.datasets.counts(name)
    read = Frame.from_proto(frame.frame)

    assert (2, 0) == (first.added, first.unchanged)
    assert (0, 2) == (again.added, again.unchanged)
    assert (
        Label(id="b1", class_name="van", shape=Box2D(20, 20, 180, 50), sensor_id="image"),
    ) == read.labels
    assert ["weather"] == list(frame.fields)
    assert (MODEL, DIMENSION) == (counts.model_id, counts.dimension)

    team.datasets.set_status(name, ["v2"], "selected")
    team.datasets.tag(name, ["v1", "v2"], add=["batch:1"], remove=["night"])
    team.datasets.set_fields(name, {"v2": {"zcore": 0.5}})
    team.datasets.save_view(name, "next", frame_filter(statuses=["selected"]))
    for _ in range(2):
        assert 2 == write_back(team.datasets, name, source)

    assert source.autosaved
    assert {"next": ["v2"]} == source.views
    assert [["batch:1"], ["batch:1"]] == [item.tags for item in source.samples]
    assert ("selected", "", 0.5, "sun") == tuple(
        source.samples[1][field] for field in ("sluice_status", "sluice_split", "zcore", "weather")
    )
    assert 2 == append_dataset(team.datasets, name, source, SAMPLE_FIELDS).unchanged


def test_groups_are_scenes(team: Team) -> None:
    """Slices of one group have one status, and a view of any of them is one of the group."""
    name = f"{team.project}/datasets/d"
    samples = [sample(f"v{n}", where=Group(f"g{n // 2}", "lr"[n % 2])) for n in range(4)]
    source = Dataset(samples, group_field="where")
    append_dataset(team.datasets, name, source, SAMPLE_FIELDS)
    team.datasets.set_status(name, ["g1"], "selected")
    team.datasets.save_view(name, "next", frame_filter(statuses=["selected"]), "Next")
    write_back(team.datasets, name, source)
    counts = team.datasets.counts(name)

    assert (4, 2, 1) == (counts.frames, counts.groups, counts.selected)
    assert {"Next": ["g1"]} == source.views
    assert ["unlabelled"] * 2 + ["selected"] * 2 == [item["sluice_status"] for item in samples]


def test_boxes_need_the_size_of_their_image(team: Team) -> None:
    """A sample without metadata is named, with what makes it."""
    bare = sample("v1", Detection("b1", "van", [0, 0, 1, 1]))
    bare.metadata = None
    with pytest.raises(errors.InvalidArgument, match=r"sample v1 has none.*compute_metadata\(\)"):
        append_dataset(team.datasets, f"{team.project}/datasets/d", Dataset([bare]), SAMPLE_FIELDS)
