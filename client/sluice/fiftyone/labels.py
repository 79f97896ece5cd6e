"""Labels of FiftyOne samples, as labels of frames; each type is read, or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sluice.fiftyone.cuboids import read_cuboid
from sluice.fiftyone.media import SampleMedia
from sluice.fiftyone.shapes import read_box, read_polygons
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
)

_Shape = Box2D | Classification2D | Classification3D | Cuboid3D | Polygons2D | Semseg2D

_LISTS: Final = {
    "Classifications": "classifications",
    "Detections": "detections",
    "Polylines": "polylines",
}
"""The types that hold a list of labels, and the attribute with the list."""


def read_labels(value: Any, media: SampleMedia, path: str) -> Iterator[Label]:
    """The labels in a label field of a sample, boxes and polygons in pixels.

    `value` is not None. Raises InvalidArgument naming the sample and the path of a label that
    Sluice does not support, or that is invalid.
    """
    list_name = _LISTS.get(type(value).__name__)
    if list_name is None:
        yield _read_label(value, media, path)
        return
    for index, label in enumerate(getattr(value, list_name)):
        yield _read_label(label, media, f"{path}.{list_name}[{index}]")


def _read_label(label: Any, media: SampleMedia, path: str) -> Label:
    kind = type(label).__name__
    read_shape = _SHAPES.get(kind)
    if read_shape is None:
        accepted = ", ".join([*_SHAPES, *_LISTS])
        raise media.error(path, f"{kind} is not supported; accepted are {accepted}")
    # A mask has a class per pixel, so the label itself has none.
    class_name = "" if kind == "Segmentation" else label.label
    if class_name is None:
        raise media.error(f"{path}.label", "has no class")
    return Label(
        id=str(label.id),
        class_name=class_name,
        shape=read_shape(label, media, path),
        sensor_id=media.sensor.sensor_id,
        crowd=_is_crowd(label),
    )


def _is_crowd(label: Any) -> bool:
    """COCO's `iscrowd`: an attribute of the label, or in the dictionary of older datasets."""
    attribute = (getattr(label, "attributes", None) or {}).get("iscrowd")
    return bool(getattr(label, "iscrowd", None) or getattr(attribute, "value", None))


def _read_classification(label: Any, media: SampleMedia, path: str) -> _Shape:
    return Classification2D() if media.is_image else Classification3D()


def _read_detection(label: Any, media: SampleMedia, path: str) -> _Shape:
    """A box or a cuboid: FiftyOne has one type for both."""
    if media.is_image and (label.bounding_box or not getattr(label, "location", None)):
        return read_box(label, media, path)
    return read_cuboid(label, media, path)


def _read_segmentation(label: Any, media: SampleMedia, path: str) -> _Shape:
    if not label.mask_path:
        problem = "the mask is in FiftyOne's database; write it to a file: export_segmentations()"
        raise media.error(f"{path}.mask_path", problem)
    return Semseg2D(str(label.mask_path))


_SHAPES: Final[Mapping[str, Callable[[Any, SampleMedia, str], _Shape]]] = {
    "Classification": _read_classification,
    "Detection": _read_detection,
    "Polyline": read_polygons,
    "Segmentation": _read_segmentation,
}
