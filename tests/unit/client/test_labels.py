"""Labels: boxes clipped to their image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.labels import Box2D

POSITIONS = st.floats(-2_000, 2_000)
SIDES = st.floats(1e-3, 2_000)
PIXELS = st.integers(1, 1_000)


@given(box=st.builds(Box2D, POSITIONS, POSITIONS, SIDES, SIDES), width=PIXELS, height=PIXELS)
def test_a_clipped_box_is_inside(box: Box2D, width: int, height: int) -> None:
    """A clipped box passes the check of its image, and has the area that was inside."""
    clipped = box.clip(width, height)
    inside_width = min(box.left + box.width, width) - max(box.left, 0)
    inside_height = min(box.top + box.height, height) - max(box.top, 0)

    if clipped is None:
        assert min(inside_width, inside_height) <= 0
        return
    clipped.check("box")
    clipped.check_inside("box", width, height)
    assert pytest.approx((inside_width, inside_height)) == (clipped.width, clipped.height)


def test_a_box_inside_stays_as_it_is() -> None:
    """Only a box that leaves the image changes."""
    assert Box2D(1.1, 2.2, 3.3, 4.4) == Box2D(1.1, 2.2, 3.3, 4.4).clip(640, 480)
