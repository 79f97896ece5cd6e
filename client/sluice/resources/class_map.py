"""The task type and the classes of a new dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sluice.errors import InvalidArgument
from sluice.frame_inputs import read_items
from sluice.labels import TaskType
from sluice.v1 import dataset_pb2


@dataclass(frozen=True, slots=True)
class LabelClass:
    """A class of a dataset: its id, 0 to 65,535, and the name that labels have.

    `colour` is `#rrggbb`, or empty: then the viewer chooses one.
    """

    id: int
    name: str
    colour: str = ""

    def to_proto(self) -> dataset_pb2.LabelClass:
        """The class as a message."""
        return dataset_pb2.LabelClass(id=self.id, name=self.name, colour=self.colour)


def number_classes(classes: Iterable[str | LabelClass]) -> list[LabelClass]:
    """The classes of a dataset; names are numbered from 0, in their order.

    Raises InvalidArgument for one name in place of a list, and for names mixed with LabelClass,
    whose ids could be the same.
    """
    items = read_items("classes", classes, str, LabelClass)
    named = [item for item in items if isinstance(item, str)]
    if named and len(named) < len(items):
        problem = f"{named[0]!r} is a name among LabelClass; expected only names or only LabelClass"
        raise InvalidArgument.of("classes", problem)
    return [
        item if isinstance(item, LabelClass) else LabelClass(number, item)
        for number, item in enumerate(items)
    ]


def read_task_type(task_type: TaskType | str) -> str:
    """The API's name of a task type, also given as a word such as `box_2d`.

    Raises InvalidArgument naming the words that are accepted.
    """
    words = {kind.name.lower(): kind for kind in TaskType}
    kind = words.get(task_type.lower()) if isinstance(task_type, str) else task_type
    if not isinstance(kind, TaskType):
        raise InvalidArgument.of("task_type", f"{task_type!r} is none of {', '.join(words)}")
    return f"TASK_TYPE_{kind.name}"
