"""Cuboids of FiftyOne detections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sluice.fiftyone.media import SampleMedia
from sluice.labels import Cuboid3D


def read_cuboid(detection: Any, media: SampleMedia, path: str) -> Cuboid3D:
    """The cuboid of a detection in a point cloud or scene.

    Raises InvalidArgument naming the sample and `path` for a malformed one.
    """
    location, dimensions, rotation = (
        _read_numbers(detection, name, media, path)
        for name in ("location", "dimensions", "rotation")
    )
    if min(dimensions) <= 0:
        raise media.error(f"{path}.dimensions", f"{list(dimensions)}: each must be over 0")
    return Cuboid3D(location, dimensions, quaternion_of(rotation))


def quaternion_of(rotation: Sequence[float]) -> tuple[float, float, float, float]:
    """The unit quaternion x, y, z, w of FiftyOne's angles about x, y and z, in radians.

    The matrix is R_x · R_y · R_z, as in FiftyOne's viewer and its `corners_from_euler`.
    """
    (sx, sy, sz), (cx, cy, cz) = (
        [function(angle / 2) for angle in rotation] for function in (math.sin, math.cos)
    )
    return (
        sx * cy * cz + cx * sy * sz,
        cx * sy * cz - sx * cy * sz,
        cx * cy * sz + sx * sy * cz,
        cx * cy * cz - sx * sy * sz,
    )


def _read_numbers(
    detection: Any, name: str, media: SampleMedia, path: str
) -> tuple[float, float, float]:
    numbers = list(getattr(detection, name, None) or ())
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise media.error(f"{path}.{name}", f"{numbers} is not three numbers, as a cuboid needs")
    x, y, z = map(float, numbers)
    return x, y, z
