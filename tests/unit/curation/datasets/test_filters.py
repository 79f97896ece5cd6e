"""Which frames pass a filter."""

from __future__ import annotations

import pytest

from services.curation.datasets.filters import EVERYTHING, Condition, Filter, check_filter
from services.curation.records import FailureKind, FrameRow, Group, Split, Status
from sluice.errors import InvalidArgument

ROW = FrameRow(
    id="f",
    number=1,
    group="g",
    document_digest=b"d",
    tags=("night", "wet"),
    fields={"speed": 3, "weather": "fog", "ok": True},
    failures={"r1": (FailureKind.MISSED,)},
    created_us=0,
)
GROUP = Group(id="g", frames=("f",), slices=("",), status=Status.SELECTED, split=Split.TRAIN)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (EVERYTHING, True),
        (Filter(statuses=(Status.SELECTED, Status.REVIEWED)), True),
        (Filter(statuses=(Status.REVIEWED,)), False),
        (Filter(splits=(Split.TRAIN,)), True),
        (Filter(splits=(Split.NONE,)), False),
        (Filter(tags=("night",)), True),
        (Filter(tags=("night", "day")), False),
        (Filter(fields=(Condition(field="speed"),)), True),
        (Filter(fields=(Condition(field="none"),)), False),
        (Filter(fields=(Condition(field="speed", equals=3),)), True),
        (Filter(fields=(Condition(field="speed", equals=3.5),)), False),
        (Filter(fields=(Condition(field="ok", equals=True),)), True),
        (Filter(fields=(Condition(field="ok", equals=1),)), False),
        (Filter(fields=(Condition(field="speed", at_least=3, at_most=3),)), True),
        (Filter(fields=(Condition(field="speed", at_least=3.1),)), False),
        (Filter(fields=(Condition(field="speed", at_most=2.9),)), False),
        (Filter(fields=(Condition(field="weather", at_least=0),)), False),
        (Filter(fields=(Condition(field="ok", at_least=0),)), False),
        (Filter(round="r1"), True),
        (Filter(round="r2"), False),
        (Filter(round="r1", failure_kinds=(FailureKind.MISSED, FailureKind.CONFUSED)), True),
        (Filter(round="r1", failure_kinds=(FailureKind.CONFUSED,)), False),
        (Filter(statuses=(Status.SELECTED,), tags=("day",)), False),
    ],
)
def test_a_frame_passes_what_it_meets(wanted: Filter, passes: bool) -> None:
    """A frame passes when every condition that is there holds."""
    assert passes == wanted.passes(ROW, GROUP)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Filter(tags=("",)), r"f\.tags\[0\]: is empty"),
        (Filter(tags=("x",) * 65), r"f\.tags: 65 entries"),
        (Filter(fields=(Condition(field=""),)), r"f\.fields\[0\]\.field: is empty"),
        (
            Filter(fields=(Condition(field="x", at_least=2, at_most=1),)),
            r"at_most: 1 is less than at_least, 2",
        ),
        (
            Filter(fields=(Condition(field="x", at_least=float("inf")),)),
            r"at_least: inf is not a finite",
        ),
        (Filter(failure_kinds=(FailureKind.MISSED,)), r"f\.round: is empty"),
    ],
)
def test_a_filter_that_says_nothing_is_refused(wanted: Filter, said: str) -> None:
    """What no frame could meet, and what is too long, is named."""
    with pytest.raises(InvalidArgument, match=said):
        check_filter(wanted, "f")
