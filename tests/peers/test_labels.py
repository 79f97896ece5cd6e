from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import fiftyone.core.labels as fol
import numpy as np
import pytest
from fiftyone.utils.utils3d import rpy_to_rotation

from sluice import errors
from sluice.fiftyone import append_dataset
from sluice.fiftyone.cuboids import quaternion_of
from sluice.frames import Frame
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Polygons2D,
    Semseg2D,
    Shape,
)
from tests.e2e.team import Team
from tests.peers.conftest import NewDataset
from tests.peers.samples import LABELS, add_scene, cloud, cuboid, image, van, vans

TRIANGLE = [(0.1, 0.2), (0.5, 0.2), (0.5, 0.8)]
OUTLINE = Polygons2D((((20, 20), (100, 20), (100, 80)),))


def outline(**options: Any) -> Any:
    """A polyline of one triangle."""
    return fo.Polyline(label="van", points=[TRIANGLE], **options)


READ: dict[str, tuple[str, Any, list[Shape]]] = {
    "Classification": ("classification_2d", fo.Classification(label="van"), [Classification2D()]),
    "Classifications": (
        "classification_2d",
        fo.Classifications(classifications=[fo.Classification(label="van")] * 1),
        [Classification2D()],
    ),
    "Detection": ("box_2d", van(), [Box2D(20, 20, 100, 50)]),
    "Detections": (
        "box_2d",
        vans(van(), van(0, 0, 1, 1)),
        [Box2D(20, 20, 100, 50), Box2D(0, 0, 200, 100)],
    ),
    "Polyline": ("polygons_2d", outline(closed=True), [OUTLINE]),
    "Polylines": (
        "polygons_2d",
        fo.Polylines(polylines=[outline(filled=True), outline(closed=True)]),
        [OUTLINE, OUTLINE],
    ),
    "Segmentation": ("semseg_2d", fo.Segmentation(mask_path="/m.png"), [Semseg2D("/m.png")]),
}
"""The types that are read: the task type of their dataset, a label, and its shapes."""

REFUSED = {
    "GeoLocation": fo.GeoLocation(point=[10, 54]),
    "GeoLocations": fo.GeoLocations(points=[[10, 54]]),
    "Heatmap": fo.Heatmap(map=np.ones((2, 2))),
    "Keypoint": fo.Keypoint(label="van", points=[(0.1, 0.1)]),
    "Keypoints": fo.Keypoints(keypoints=[fo.Keypoint(label="van", points=[(0.1, 0.1)])]),
    "Regression": fo.Regression(value=0.5),
    "TemporalDetection": fo.TemporalDetection(label="van", support=[1, 2]),
    "TemporalDetections": fo.TemporalDetections(detections=[]),
}


def label_types(base: Any = fol.Label) -> Iterator[str]:
    """The public label types of FiftyOne."""
    for kind in base.__subclasses__():
        if not kind.__name__.startswith("_"):
            yield kind.__name__
        yield from label_types(kind)


def test_every_type_is_read_or_refused() -> None:
    """These tests cover every type of label that FiftyOne has."""
    assert set(label_types()) - {"Label"} == {*READ, *REFUSED}


@pytest.mark.parametrize("kind", READ)
def test_supported_types_are_read(
    team: Team, new_dataset: NewDataset, flat: Any, kind: str
) -> None:
    """Labels of a supported type become labels with their shape, in pixels."""
    task, value, shapes = READ[kind]
    name = new_dataset(task)
    flat.add_sample(image("a", value.copy()))

    append_dataset(team.datasets, name, flat, LABELS)

    [frame] = team.datasets.frames(name)
    labels = Frame.from_proto(frame.frame).labels
    assert shapes == [label.shape for label in labels]
    assert {"" if kind == "Segmentation" else "van"} == {label.class_name for label in labels}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused(team: Team, flat: Any, kind: str) -> None:
    """Labels of another type are refused, naming field, sample, type, and the accepted types."""
    sample = image("a", REFUSED[kind].copy())
    flat.add_sample(sample)
    with pytest.raises(
        errors.InvalidArgument,
        match=rf"^ground_truth: sample {sample.id}: {kind} is not supported; accepted are Class",
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)


INVALID = {
    "no area": (vans(van(), van(0.5, 0.5, 0, 0.2)), r"detections\[1\].bounding_box", "no area"),
    "outside": (vans(van(1.2, 0.5, 0.1, 0.2)), r"detections\[0\].bounding_box", "no area inside"),
    "NaN": (vans(van(float("nan"))), r"detections\[0\].bounding_box", "is not left, top"),
    "no box": (vans(fo.Detection(label="van")), r"detections\[0\].bounding_box", r"\[\] is not"),
    "no class": (vans(fo.Detection(bounding_box=[0, 0, 1, 1])), r"detections\[0\].label", "class"),
    "open line": (fo.Polylines(polylines=[outline()]), r"polylines\[0\]", "open lines"),
    "line in space": (fo.Polyline(label="van", points3d=[[(0, 0, 0)] * 3]), "points3d", "space"),
    "two vertices": (
        fo.Polyline(label="van", points=[TRIANGLE[:2]], closed=True),
        r"points\[0\]",
        "has 2 vertices",
    ),
    "mask in database": (fo.Segmentation(mask=np.ones((2, 2), "u1")), "mask_path", "export_segm"),
}
"""Invalid labels, the path below the field that the error names, and its problem."""


@pytest.mark.parametrize("case", INVALID)
def test_invalid_labels_are_named(team: Team, flat: Any, case: str) -> None:
    """An invalid label is refused, naming its path, the sample and the problem."""
    value, path, problem = INVALID[case]
    sample = image("a", value.copy())
    flat.add_sample(sample)
    with pytest.raises(
        errors.InvalidArgument, match=rf"^ground_truth\.{path}: sample {sample.id}: .*{problem}"
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)


def test_a_field_without_labels_is_refused(team: Team, flat: Any) -> None:
    """A label field with texts is refused by its type."""
    flat.add_sample(image("a", weather="fog"))
    with pytest.raises(errors.InvalidArgument, match=r"weather: sample .*: str is not supported"):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, type(LABELS)("weather"))


def test_boxes_need_the_size_of_their_image(team: Team, flat: Any) -> None:
    """A sample without metadata is named, with what makes it."""
    sample = fo.Sample("/images/a.png", ground_truth=vans(van()))
    flat.add_sample(sample)
    with pytest.raises(
        errors.InvalidArgument, match=rf"sample {sample.id} has none.*compute_metadata\(\)"
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)


def test_crowds_are_read(team: Team, flat: Any) -> None:
    """A label with COCO's `iscrowd`, in either form of FiftyOne's attributes, is a crowd."""
    name = f"{team.project}/datasets/d"
    attributes = {"iscrowd": fo.NumericAttribute(value=1)}
    options: list[dict[str, Any]] = [{}, {"iscrowd": 0}, {"iscrowd": 1}, {"attributes": attributes}]
    boxes = [fo.Detection(label="van", bounding_box=[0, 0, 1, 1], **option) for option in options]
    flat.add_sample(image("a", vans(*boxes)))

    append_dataset(team.datasets, name, flat, LABELS)

    [frame] = team.datasets.frames(name)
    crowds = [label.crowd for label in Frame.from_proto(frame.frame).labels]
    assert [False, False, True, True] == crowds


def test_boxes_are_clipped(team: Team, flat: Any) -> None:
    """A box that leaves the image is the part inside it, whatever the rounding."""
    name = f"{team.project}/datasets/d"
    draw = np.random.default_rng(1)
    boxes = [
        van(*np.round(row, 6))
        for row in draw.uniform([-0.5, -0.5, 0.5, 0.5], [0.5, 0.5, 1.5, 1.5], (100, 4)).tolist()
    ]
    flat.add_sample(image("a", vans(*boxes)))

    append_dataset(team.datasets, name, flat, LABELS)

    [frame] = team.datasets.frames(name)
    read = [label.shape for label in Frame.from_proto(frame.frame).labels]
    relative = np.array([box.bounding_box for box in boxes])
    start = np.maximum(relative[:, :2] * [200, 100], 0)
    end = np.minimum((relative[:, :2] + relative[:, 2:]) * [200, 100], [200, 100])
    expected = np.hstack([start, end - start])
    np.testing.assert_allclose([list(as_row(shape)) for shape in read], expected)


def as_row(shape: Shape) -> tuple[float, ...]:
    """Left, top, width and height of a box."""
    assert isinstance(shape, Box2D)
    return shape.left, shape.top, shape.width, shape.height


def test_cuboids_are_read(team: Team, new_dataset: NewDataset, grouped: Any) -> None:
    """Detections of a point cloud are cuboids in a dataset of cuboids."""
    name = new_dataset("cuboid_3d")
    add_scene(grouped, lidar=cloud("c", vans(cuboid())), left=image("l"))

    append_dataset(team.datasets, name, grouped, LABELS)

    frames = {f.slice: Frame.from_proto(f.frame) for f in team.datasets.frames(name)}
    [label] = frames["lidar"].labels
    x, y, z, w = rpy_to_rotation([0.1, -0.4, 2.0]).as_quat()
    assert ("van", "point_cloud") == (label.class_name, label.sensor_id)
    assert isinstance(label.shape, Cuboid3D)
    assert ((1, 2, 3), (4, 2, 1.5)) == (label.shape.position, label.shape.dimensions)
    np.testing.assert_allclose((x, y, z, w), label.shape.rotation)


def test_cuboids_beside_boxes_are_named(team: Team, grouped: Any) -> None:
    """Cuboids in the label field of a dataset of boxes name field, sample and what to do."""
    lidar = cloud("c", vans(cuboid()))
    add_scene(grouped, left=image("l", vans(van())), lidar=lidar)
    with pytest.raises(
        errors.InvalidArgument,
        match=rf"ground_truth: sample {lidar.id}: .* is CUBOID_3D, .* BOX_2D; .*select_group_slic",
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", grouped, LABELS)


INVALID_CUBOIDS = {
    "rotation": (fo.Detection(label="van", location=[0, 0, 0], dimensions=[1, 1, 1]), "rotation"),
    "size": (
        fo.Detection(label="van", location=[0, 0, 0], dimensions=[1, 0, 1], rotation=[0, 0, 0]),
        "dimensions",
    ),
    "box": (van(), "location"),
}


@pytest.mark.parametrize("case", INVALID_CUBOIDS)
def test_invalid_cuboids_are_named(team: Team, flat: Any, case: str) -> None:
    """A cuboid without its numbers or without a volume names field and sample."""
    value, path = INVALID_CUBOIDS[case]
    sample = cloud("c", vans(value.copy()))
    flat.add_sample(sample)
    with pytest.raises(
        errors.InvalidArgument, match=rf"detections\[0\]\.{path}: sample {sample.id}: \["
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)


def test_rotations_are_those_of_fiftyone() -> None:
    """Angles become the quaternion of the same rotation in FiftyOne."""
    for angles in np.random.default_rng(2).uniform(-np.pi, np.pi, (200, 3)):
        expected = rpy_to_rotation(angles).as_quat()
        actual = np.array(quaternion_of(angles.tolist()))
        # A quaternion and its negative are one rotation.
        assert np.isclose(1, abs(expected @ actual))


def test_classes_of_scenes_are_3d(team: Team, new_dataset: NewDataset, flat: Any) -> None:
    """The class of a point cloud is the class of a scene."""
    name = new_dataset("classification_3d")
    flat.add_sample(cloud("c", fo.Classification(label="van")))

    append_dataset(team.datasets, name, flat, LABELS)

    [frame] = team.datasets.frames(name)
    [label] = Frame.from_proto(frame.frame).labels
    assert Classification3D() == label.shape


def test_classes_outside_the_class_map_are_named(team: Team, flat: Any) -> None:
    """A class that the dataset does not have names field, sample and class."""
    sample = image("a", vans(fo.Detection(label="Van", bounding_box=[0, 0, 1, 1])))
    flat.add_sample(sample)
    with pytest.raises(
        errors.InvalidArgument,
        match=rf"ground_truth: sample {sample.id}: .*class 'Van' is not in .*did you mean 'van'\?$",
    ):
        append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS)
