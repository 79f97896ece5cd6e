"""Boxes and polygons of FiftyOne labels, in pixels."""

from __future__ import annotations

import math
from typing import Any

from sluice.fiftyone.media import SampleMedia
from sluice.labels import Box2D, Polygons2D


def read_box(detection: Any, media: SampleMedia, path: str) -> Box2D:
    """The box of a detection, clipped to its image.

    Raises InvalidArgument naming the sample and `path` for a box that is malformed, empty or
    outside the image.
    """
    path = f"{path}.bounding_box"
    relative = list(detection.bounding_box or ())
    if len(relative) != 4 or not all(map(math.isfinite, relative)):
        raise media.error(path, f"{relative} is not left, top, width and height")
    width, height = media.size()
    left, top, box_width, box_height = map(float, relative)
    box = Box2D(left * width, top * height, box_width * width, box_height * height)
    clipped = box.clip(width, height)
    if clipped is None:
        raise media.error(path, f"{relative} has no area inside the image")
    return clipped


def read_polygons(polyline: Any, media: SampleMedia, path: str) -> Polygons2D:
    """The outlines of a closed or filled polyline.

    Raises InvalidArgument naming the sample and `path` for an open line, one in space, and an
    outline with fewer than three vertices.
    """
    if getattr(polyline, "points3d", None):
        raise media.error(f"{path}.points3d", "lines in space are not supported")
    if not (polyline.closed or polyline.filled):
        raise media.error(path, "open lines are not supported; accepted are closed or filled ones")
    width, height = media.size()
    return Polygons2D(
        tuple(
            _read_outline(points, (width, height), media, f"{path}.points[{index}]")
            for index, points in enumerate(polyline.points)
        )
    )


def _read_outline(
    points: Any, size: tuple[int, int], media: SampleMedia, path: str
) -> tuple[tuple[float, ...], ...]:
    vertices = [(float(x) * size[0], float(y) * size[1]) for x, y in points]
    if len(vertices) > 1 and vertices[0] == vertices[-1]:
        vertices.pop()  # Sluice's outlines do not repeat the first vertex
    if len(vertices) < 3:
        raise media.error(path, f"has {len(vertices)} vertices; it needs three")
    return tuple(vertices)
