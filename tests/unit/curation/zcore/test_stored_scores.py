"""Reading ZCore scores from a field of frames."""

from __future__ import annotations

from services.curation.zcore.stored_scores import StoredScores


def test_a_group_has_the_largest_score_of_its_frames() -> None:
    """Values that are not numbers, True among them, count as missing."""
    stored = StoredScores()
    for group, value in ((0, 0.25), (2, -1.5), (0, 3), (0, 1.0), (1, True), (1, "high"), (1, None)):
        stored.add(group, value)

    assert (7, 3) == (stored.frames, stored.missing)
    assert [3.0, 0.0, -1.5] == stored.by_group(3).tolist()
