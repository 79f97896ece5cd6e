"""A dataset's task type and classes are given without a protobuf module."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.errors import InvalidArgument
from sluice.labels import TaskType
from sluice.resources.class_map import LabelClass, number_classes, read_task_type


def test_names_are_numbered_in_their_order() -> None:
    """Names get the ids 0, 1, 2…; classes with ids of their own keep them."""
    assert [LabelClass(0, "van"), LabelClass(1, "car")] == number_classes(["van", "car"])
    own = [LabelClass(7, "van", "#ff0000"), LabelClass(3, "car")]
    assert own == number_classes(own)
    assert (7, "van", "#ff0000") == (
        (message := own[0].to_proto()).id, message.name, message.colour
    )  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("van", "classes: 'van' is of type str; expected a list of str or LabelClass"),
        (["van", LabelClass(0, "car")], "'van' is a name among LabelClass"),
        ([7], r"classes\[0\]: 7 is of type int; expected str or LabelClass"),
    ],
)
def test_other_classes_are_named(classes: Any, message: str) -> None:
    """A single name, a mixture and another type are errors that say what is expected."""
    with pytest.raises(InvalidArgument, match=message):
        number_classes(classes)


def test_a_task_type_is_a_value_or_a_word() -> None:
    """Words are those of the command line; another one is an error that lists them."""
    assert "TASK_TYPE_BOX_2D" == read_task_type("box_2d") == read_task_type(TaskType.BOX_2D)
    for wrong in ("boxes", 3, None):
        with pytest.raises(InvalidArgument, match=f"{wrong!r} is none of classification_2d, .*box"):
            read_task_type(wrong)  # type: ignore[arg-type]
