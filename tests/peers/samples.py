"""FiftyOne samples for tests, of images with 200 × 100 pixels."""

from __future__ import annotations

from typing import Any

import fiftyone as fo

from sluice.fiftyone import SampleFields
from tests.e2e.team import MODEL, vector

LABELS = SampleFields("ground_truth")
LABELS_AND_EMBEDDINGS = SampleFields("ground_truth", "embedding", MODEL)


def image(name: str, ground_truth: Any = None, **fields: Any) -> fo.Sample:
    """A sample of an image, with its size."""
    metadata = fo.ImageMetadata(width=200, height=100)
    return fo.Sample(f"/images/{name}.png", metadata=metadata, ground_truth=ground_truth, **fields)


def cloud(name: str, ground_truth: Any = None, **fields: Any) -> fo.Sample:
    """A sample of a point cloud."""
    return fo.Sample(f"/clouds/{name}.pcd", ground_truth=ground_truth, **fields)


def embedded(name: str, ground_truth: Any = None, **fields: Any) -> fo.Sample:
    """A sample of an image, with an embedding."""
    return image(name, ground_truth, embedding=vector(name), **fields)


def van(left: float = 0.1, top: float = 0.2, width: float = 0.5, height: float = 0.5) -> Any:
    """A van in an image."""
    return fo.Detection(label="van", bounding_box=[left, top, width, height])


def cuboid() -> Any:
    """A van in space."""
    return fo.Detection(
        label="van", location=[1.0, 2.0, 3.0], dimensions=[4.0, 2.0, 1.5], rotation=[0.1, -0.4, 2.0]
    )


def vans(*detections: Any) -> Any:
    """The ground truth of a sample."""
    return fo.Detections(detections=list(detections))


def add_scene(dataset: Any, **slices: fo.Sample) -> str:
    """Add a group with these slices to a grouped dataset; returns its id."""
    group = fo.Group()
    for name, sample in slices.items():
        sample["scene"] = group.element(name)
    dataset.add_samples(slices.values())
    return str(group.id)
