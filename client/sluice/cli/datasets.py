"""`sluice datasets list` and `create`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Dataset, DisplayName, Json, NewId, Project
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.tables import ResourceCell
from sluice.v1 import dataset_pb2, frame_pb2


class TaskOption(StrEnum):
    """The task type of a dataset: what kind of labels it has."""

    CLASSIFICATION_2D = "classification_2d"
    CLASSIFICATION_3D = "classification_3d"
    BOX_2D = "box_2d"
    CUBOID_3D = "cuboid_3d"
    SEMSEG_2D = "semseg_2d"
    POLYGONS_2D = "polygons_2d"


def _task(dataset: Any) -> str:
    return frame_pb2.TaskType.Name(dataset.task_type).removeprefix("TASK_TYPE_").lower()


def _classes(dataset: Any) -> str:
    return ", ".join(f"{label_class.id} {label_class.name}" for label_class in dataset.classes)


COLUMNS = [
    ("dataset", lambda d: ResourceCell(d.name)),
    ("called", lambda d: d.display_name),
    ("task", _task),
    ("classes", _classes),
]


def list_datasets(
    context: typer.Context, columns: ColumnNames = "", project: Project = "", json: Json = False
) -> None:
    """List the datasets of a project.

    Example: sluice datasets list -p night-fleet
    """
    with connection(context).client(project) as client:
        show(client.projects.datasets(), COLUMNS, to_json=json, names=columns)


def create_dataset(
    context: typer.Context,
    dataset_id: NewId,
    task: Annotated[TaskOption, typer.Option(help="The kind of labels.")],
    label_class: Annotated[
        list[str] | None, typer.Option("--class", help="A class's name; may be repeated.")
    ] = None,
    called: DisplayName = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Create a dataset; its classes are numbered from 0 in the given order.

    Example: sluice datasets create -p night-fleet street --task box_2d --class van
    """
    names = enumerate(label_class or [])
    spec = dataset_pb2.Dataset(
        display_name=called,
        task_type=f"TASK_TYPE_{task.name}",
        classes=[dataset_pb2.LabelClass(id=number, name=name) for number, name in names],
    )
    with connection(context).client(project) as client:
        dataset = client.projects.create_dataset("", dataset_id, spec)
    show_one(dataset, COLUMNS, to_json=json)


def delete_dataset(
    context: typer.Context,
    dataset: Dataset,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete a dataset with its frames, views, rounds, batches and golden sets.

    Issues of the dataset must be deleted first. Samples of its frames stay; to delete those too,
    use sluice projects delete-frames.

    Example: sluice datasets delete DATASET --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.datasets.delete(dataset, validate_only=dry_run)
        show_deletion(summary, to_json=json)
