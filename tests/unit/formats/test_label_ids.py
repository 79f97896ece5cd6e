"""Label ids of files, made unique by their frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluice.checks import check_text
from sluice.formats.label_ids import scope_label_id

FRAME_IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
NUMBERS = st.integers(0, 10**9).map(str)


@given(frame_id=FRAME_IDS, other=FRAME_IDS, number=NUMBERS)
def test_frames_share_no_label_id(frame_id: str, other: str, number: str) -> None:
    """The same number in another frame is another id, always the same one, and not too long."""
    scoped = scope_label_id(frame_id, number)
    check_text("id", scoped)

    assert scoped == scope_label_id(frame_id, number)
    assert (frame_id == other) == (scoped == scope_label_id(other, number))


def test_ids_can_be_read() -> None:
    """The id names frame and annotation; a digest stands for a long frame id."""
    assert "a.jpg#7" == scope_label_id("a.jpg", "7")
    assert "#7" == scope_label_id("x" * 256, "7")[32:]
