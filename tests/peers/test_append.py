from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import fiftyone as fo
import numpy as np
import pytest

from sluice import errors
from sluice.fiftyone import append_dataset
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.resources.filters import frame_filter
from sluice.sensors import MediaType, SensorData
from sluice.v1 import dataset_frame_pb2 as pb
from tests.e2e.team import DIMENSION, MODEL, Team, vector
from tests.peers.samples import (
    LABELS,
    LABELS_AND_EMBEDDINGS,
    add_scene,
    cloud,
    embedded,
    image,
    van,
    vans,
)

UNLABELLED, ANNOTATED = pb.ANNOTATION_STATUS_UNLABELLED, pb.ANNOTATION_STATUS_ANNOTATED


def test_samples_are_read_once(team: Team, flat: Any) -> None:
    """Boxes in pixels, fields, tags and embeddings are read; a repeated call changes nothing."""
    name = f"{team.project}/datasets/d"
    box = van(0.1, 0.2, 0.9, 0.5)
    flat.add_samples(
        [embedded("a", vans(box), weather="fog", tags=["night"]), embedded("b", weather="sun")]
    )

    first = append_dataset(team.datasets, name, flat, LABELS_AND_EMBEDDINGS)
    again = append_dataset(team.datasets, name, flat, LABELS_AND_EMBEDDINGS)

    [frame] = team.datasets.frames(name, frame_filter(tags=["night"], fields={"weather": "fog"}))
    counts = team.datasets.counts(name)
    label = Label(id=str(box.id), class_name="van", shape=Box2D(20, 20, 180, 50), sensor_id="image")
    assert (2, 0) == (first.added, first.unchanged)
    assert (0, 2) == (again.added, again.unchanged)
    assert (label,) == Frame.from_proto(frame.frame).labels
    assert ["weather"] == list(frame.fields)
    assert (MODEL, DIMENSION) == (counts.model_id, counts.dimension)


def test_none_is_not_empty(team: Team, flat: Any) -> None:
    """A sample with None as ground truth stays unlabelled; one with an empty list is annotated."""
    name = f"{team.project}/datasets/d"
    a, empty, none = image("a", vans(van())), image("b", vans()), image("c", None)
    flat.add_samples([a, empty, none])

    counts = append_dataset(team.datasets, name, flat, LABELS, status="annotated")

    statuses = {frame.frame.id: frame.status for frame in team.datasets.frames(name)}
    assert {a.id: ANNOTATED, empty.id: ANNOTATED, none.id: UNLABELLED} == statuses
    assert [none.id] == counts.unlabelled_groups


def test_a_group_is_labelled_as_a_whole(team: Team, grouped: Any) -> None:
    """A group stays unlabelled while a slice lacks ground truth that this slice has elsewhere."""
    name = f"{team.project}/datasets/d"
    whole = add_scene(
        grouped, left=image("l0", vans(van())), right=image("r0", vans()), lidar=cloud("c0")
    )
    half = add_scene(grouped, left=image("l1", vans(van())), right=image("r1"), lidar=cloud("c1"))
    bare = add_scene(grouped, lidar=cloud("c2"))

    counts = append_dataset(team.datasets, name, grouped, LABELS, status="annotated")

    statuses = {frame.group: frame.status for frame in team.datasets.frames(name)}
    assert {whole: ANNOTATED, half: UNLABELLED, bare: UNLABELLED} == statuses
    assert sorted([half, bare]) == counts.unlabelled_groups
    assert 7 == counts.added


def test_labels_move_a_group_on(team: Team, flat: Any) -> None:
    """A sample that gets ground truth later is annotated by the next call; others stay."""
    name = f"{team.project}/datasets/d"
    sample, reviewed = image("a", None), image("b", vans())
    flat.add_samples([sample, reviewed])
    append_dataset(team.datasets, name, flat, LABELS, status="annotated")
    team.datasets.set_status(name, [reviewed.id], "reviewed")
    sample["ground_truth"] = vans(van())
    sample.save()

    counts = append_dataset(team.datasets, name, flat, LABELS, status="annotated")

    frames = {frame.frame.id: frame for frame in team.datasets.frames(name)}
    assert (1, 1, 1) == (counts.changed, counts.unchanged, counts.kept_status)
    assert {sample.id: ANNOTATED, reviewed.id: pb.ANNOTATION_STATUS_REVIEWED} == {
        id: frame.status for id, frame in frames.items()
    }
    assert (1, 0) == tuple(len(frames[s.id].frame.labels) for s in (sample, reviewed))


def test_empty_ground_truth_removes_labels(team: Team, flat: Any) -> None:
    """Labels that FiftyOne no longer has are removed; None says nothing about labels."""
    name = f"{team.project}/datasets/d"
    emptied, cleared = image("a", vans(van())), image("b", vans(van()))
    flat.add_samples([emptied, cleared])
    append_dataset(team.datasets, name, flat, LABELS)
    emptied["ground_truth"], cleared["ground_truth"] = vans(), None
    emptied.save()
    cleared.save()

    append_dataset(team.datasets, name, flat, LABELS)

    frames = {f.frame.id: (f.labelled, len(f.frame.labels)) for f in team.datasets.frames(name)}
    assert {emptied.id: (True, 0), cleared.id: (True, 1)} == frames


def test_a_labelled_status_needs_a_label_field(team: Team, flat: Any) -> None:
    """Samples cannot become annotated by a call that reads no labels."""
    flat.add_sample(image("a"))
    with pytest.raises(errors.InvalidArgument, match="label_field: required for status"):
        append_dataset(
            team.datasets, f"{team.project}/datasets/d", flat, type(LABELS)(""), status="reviewed"
        )


def test_missing_embeddings_are_named(team: Team, grouped: Any) -> None:
    """Embeddings of some samples or one slice are read, and the samples without one are named."""
    name = f"{team.project}/datasets/d"
    bare = [image("r0"), image("r1"), image("l2")]
    add_scene(grouped, left=embedded("l0"), right=bare[0])
    add_scene(grouped, left=embedded("l1"), right=bare[1])
    add_scene(grouped, left=bare[2])

    counts = append_dataset(team.datasets, name, grouped, LABELS_AND_EMBEDDINGS)

    without = {frame.frame.id for frame in team.datasets.frames(name) if not frame.embedded}
    assert (5, 5) == (counts.added, team.datasets.counts(name).frames)
    assert {sample.id for sample in bare} == set(counts.without_embedding) == without


@pytest.mark.parametrize("row", [np.zeros(3), np.array([1, np.nan, 0]), np.ones((2, 2))])
def test_invalid_embeddings_are_named(team: Team, flat: Any, row: Any) -> None:
    """An embedding that is zero, not finite or no vector names its sample and field."""
    flat.add_sample(image("a", embedding=row))
    with pytest.raises(
        errors.InvalidArgument, match=f"embedding: sample {flat.first().id}: expected a vector"
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS_AND_EMBEDDINGS)


def test_embeddings_of_two_dimensions_are_named(team: Team, flat: Any) -> None:
    """An embedding of another dimension than the first one names both samples."""
    a, b = image("a", embedding=np.ones(3)), image("b", embedding=np.ones(4))
    flat.add_samples([a, b])
    with pytest.raises(errors.InvalidArgument, match=f"{b.id} has 4 numbers; sample {a.id} has 3"):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS_AND_EMBEDDINGS)


def test_embeddings_need_a_model(team: Team, flat: Any) -> None:
    """An embedding field without a model id is refused before anything is read."""
    flat.add_sample(embedded("a"))
    with pytest.raises(errors.InvalidArgument, match="model_id: required"):
        append_dataset(
            team.datasets,
            f"{team.project}/datasets/d",
            flat,
            type(LABELS)("ground_truth", "embedding"),
        )


def test_nan_fields_are_left_out(team: Team, flat: Any) -> None:
    """A number that is NaN is missing, as in a scan; other texts, numbers and flags are read."""
    name = f"{team.project}/datasets/d"
    fields = {"speed": 1.5, "count": 3, "wet": True, "city": "Kiel"}
    flat.add_sample(image("a", **fields, depth=math.nan, day=date(2026, 1, 1)))

    append_dataset(team.datasets, name, flat, LABELS)

    [frame] = team.datasets.frames(name)
    assert sorted(fields) == sorted(frame.fields)


def test_invalid_fields_name_the_sample(team: Team, flat: Any) -> None:
    """A field that a frame cannot have is refused, naming the sample and the field."""
    flat.add_sample(image("a", depth=math.inf))
    with pytest.raises(
        errors.InvalidArgument, match=rf"sample {flat.first().id}: fields\['depth'\]"
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)


def test_more_samples_than_one_call(team: Team, flat: Any) -> None:
    """Samples beyond one call's are appended too, whichever have embeddings and labels."""
    name = f"{team.project}/datasets/d"
    flat.add_samples(
        [
            fo.Sample(
                f"/images/{n}.png",
                embedding=vector(f"v{n}") if n % 2 else None,
                ground_truth=vans() if n % 3 else None,
            )
            for n in range(2_000)
        ]
    )

    counts = append_dataset(team.datasets, name, flat, LABELS_AND_EMBEDDINGS, status="annotated")

    stored = team.datasets.counts(name)
    assert (2_000, 2_000) == (counts.added, stored.frames)
    assert (1_333, 667) == (stored.annotated, stored.unlabelled)
    assert (1_000, 667) == (len(counts.without_embedding), len(counts.unlabelled_groups))


def test_large_embeddings_fit_their_calls(team: Team, flat: Any) -> None:
    """Embeddings of the largest dimension are appended, in as many calls as they need."""
    name = f"{team.project}/datasets/d"
    flat.add_samples([fo.Sample(f"/{n}.png", embedding=np.eye(1, 8_192, n)[0]) for n in range(300)])
    sample_fields = type(LABELS)("", "embedding", "large")

    assert 300 == append_dataset(team.datasets, name, flat, sample_fields).added


def test_point_clouds_are_not_images(team: Team, grouped: Any) -> None:
    """Point clouds and 3D scenes become point clouds, images images with their size."""
    name = f"{team.project}/datasets/d"
    add_scene(grouped, left=image("a"), lidar=cloud("a"), space=fo.Sample("/scenes/a.fo3d"))

    append_dataset(team.datasets, name, grouped, LABELS)

    frames = {f.slice: Frame.from_proto(f.frame) for f in team.datasets.frames(name)}
    lidar = SensorData(
        sensor_id="point_cloud", url="/clouds/a.pcd", media_type=MediaType.POINT_CLOUD
    )
    expected = {
        "left": SensorData(sensor_id="image", url="/images/a.png", width=200, height=100),
        "lidar": lidar,
        "space": replace(lidar, url="/scenes/a.fo3d"),
    }
    assert expected == {slice_: frame.sensors[0] for slice_, frame in frames.items()}


@pytest.mark.parametrize(("path", "kind"), [("/a.mp4", "video"), ("/a.las", "unknown")])
def test_other_media_are_refused(team: Team, grouped: Any, path: str, kind: str) -> None:
    """A video, or a file of an unknown type, is refused, naming its sample."""
    sample = fo.Sample(path)
    add_scene(grouped, left=image("a"), other=sample)
    with pytest.raises(
        errors.InvalidArgument, match=f"media_type: sample {sample.id}: '{kind}' is not supported"
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", grouped, LABELS)


def test_images_need_no_extension(team: Team, flat: Any) -> None:
    """A file of an unknown type with a size in pixels is an image."""
    flat.add_sample(fo.Sample("/a", metadata=fo.ImageMetadata(width=20, height=10)))
    assert 1 == append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS).added
