"""The history of a golden set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.curation.golden.annotations import Annotations
from services.curation.golden.history import HistoryEntry, HistoryKey, add, admit
from services.curation.golden.verdict import GoldenLimits, check_round
from services.records.records import encode
from sluice.errors import AlreadyExists, InvalidArgument
from tests.unit.curation.golden.rounds import CLASSES, round_of

REFERENCE = round_of(("car",), ("van",))


def key(round_number: int = 1, annotator: str = "ann") -> HistoryKey:
    """The key of a round."""
    return HistoryKey(
        round=round_number, schema_version="s1", annotator=annotator, guideline_version="g1"
    )


def entry(
    where: HistoryKey, current: Annotations = REFERENCE, reference: Annotations = REFERENCE
) -> HistoryEntry:
    """The entry of a round."""
    return HistoryEntry(
        key=where,
        annotations=current.digest(),
        reference=reference.digest(),
        check=check_round(reference, current, CLASSES),
    )


keys = st.builds(key, st.integers(0, 3), st.sampled_from(["ann", "bob"]))


@given(st.lists(keys, max_size=12))
def test_a_history_has_each_key_once_in_order(added: list[HistoryKey]) -> None:
    """However often and in whatever order rounds are added."""
    once = entry(key())
    history: tuple[HistoryEntry, ...] = ()
    for where in added:
        history = add(history, structs.replace(once, key=where))

    assert sorted(set(added)) == [known.key for known in history]


def test_adding_twice_changes_nothing() -> None:
    """The history is the same, byte for byte; so it is where the limits have changed meanwhile."""
    history = add(add((), entry(key(2))), entry(key(1)))
    again = entry(key(1))
    other = check_round(REFERENCE, round_of(), CLASSES, limits=GoldenLimits(iou_warn=0.1))
    other_limits = structs.replace(again, check=other)

    for repeated in (again, other_limits):
        assert [encode(x) for x in history] == [encode(x) for x in add(history, repeated)]


@pytest.mark.parametrize(
    ("current", "reference", "changed"),
    [
        (round_of(("car",), ()), REFERENCE, "annotations"),
        (REFERENCE, round_of(("car",)), "reference"),
        (round_of(("car",), ()), round_of(("car",)), "annotations, reference"),
    ],
)
def test_another_content_under_a_key_is_an_error(
    current: Annotations, reference: Annotations, changed: str
) -> None:
    """It names the key and what is different, and the history stays."""
    history = add((), entry(key()))

    with pytest.raises(AlreadyExists) as refused:
        add(history, entry(key(), current, reference))

    assert refused.value.message == (
        "key: round 1, schema 's1', annotator 'ann', guideline 'g1' is in the history already, "
        f"with other {changed}"
    )
    assert {"changed": changed} == refused.value.metadata


@pytest.mark.parametrize(
    ("wrong", "field"), [(key(-1), "key.round"), (key(annotator=""), "key.annotator")]
)
def test_a_bad_key_is_refused(wrong: HistoryKey, field: str) -> None:
    """Every part of a key is there, and a round is counted from 0."""
    with pytest.raises(InvalidArgument, match=field):
        admit(None, entry(wrong))
