"""The keys of a golden set's history, and their content."""

from __future__ import annotations

import pytest

from services.curation.golden.history import CheckContent, HistoryKey, check_unchanged
from sluice.errors import AlreadyExists, InvalidArgument

STORED = CheckContent(annotations="aa", reference="bb")


def key(round_number: int = 1, annotator: str = "ann") -> HistoryKey:
    """The key of a round."""
    return HistoryKey(
        round=round_number, schema_version="s1", annotator=annotator, guideline_version="g1"
    )


def test_equal_content_may_be_sent_again() -> None:
    """A check that is added twice with the same content is no conflict."""
    check_unchanged(key(), STORED, CheckContent(annotations="aa", reference="bb"))


@pytest.mark.parametrize(
    ("content", "changed"),
    [
        (CheckContent("xx", "bb"), "annotations"),
        (CheckContent("aa", "xx"), "reference"),
        (CheckContent("xx", "xx"), "annotations, reference"),
    ],
)
def test_different_content_under_a_key_is_an_error(content: CheckContent, changed: str) -> None:
    """The error names the key and each difference."""
    with pytest.raises(AlreadyExists) as error:
        check_unchanged(key(), STORED, content)

    assert error.value.message == (
        "key: round 1, schema 's1', annotator 'ann', guideline 'g1' is already in the history, "
        f"with different {changed}"
    )
    assert {"changed": changed} == error.value.metadata


@pytest.mark.parametrize(
    ("invalid", "field"), [(key(-1), "key.round"), (key(annotator=""), "key.annotator")]
)
def test_an_invalid_key_is_refused(invalid: HistoryKey, field: str) -> None:
    """Every part of a key is required, and a round is counted from 0."""
    with pytest.raises(InvalidArgument, match=field):
        invalid.check()
