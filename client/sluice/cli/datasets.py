"""`sluice datasets`: sets of frames, and what their labels mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sluice.cli.arguments import Json, Project
from sluice.cli.context import connection, project_name
from sluice.cli.output import show, show_one
from sluice.v1 import dataset_pb2, frame_pb2

app = typer.Typer(
    help="Datasets: frames, their labels, and what is found among them.", no_args_is_help=True
)


class Task(StrEnum):
    """What the labels of a dataset are."""

    CLASSIFICATION_2D = "classification_2d"
    CLASSIFICATION_3D = "classification_3d"
    BOX_2D = "box_2d"
    CUBOID_3D = "cuboid_3d"
    SEMSEG_2D = "semseg_2d"
    POLYGONS_2D = "polygons_2d"


def _task(dataset: Any) -> str:
    return frame_pb2.TaskType.Name(dataset.task_type).removeprefix("TASK_TYPE_").lower()


def _classes(dataset: Any) -> str:
    return ", ".join(f"{found.id} {found.name}" for found in dataset.classes)


COLUMNS = [
    ("dataset", lambda d: d.name),
    ("called", lambda d: d.display_name),
    ("task", _task),
    ("classes", _classes),
]


@app.command("list")
def list_datasets(context: typer.Context, project: Project, json: Json = False) -> None:
    """List the datasets of a project.

    Example: sluice datasets list -p night-fleet
    """
    with connection(context).client() as client:
        show(client.projects.datasets(project_name(project)), COLUMNS, to_json=json)


@app.command()
def create(
    context: typer.Context,
    project: Project,
    dataset: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    task: Annotated[Task, typer.Option(help="What its labels are.")],
    label_class: Annotated[
        list[str] | None, typer.Option("--class", help="A class's name; may be repeated.")
    ] = None,
    called: Annotated[str, typer.Option(help="A name for people.")] = "",
    json: Json = False,
) -> None:
    """Create a dataset; its classes are numbered from 0 on, as they are given.

    Example: sluice datasets create -p night-fleet street --task box_2d --class van
    """
    names = enumerate(label_class or [])
    wanted = dataset_pb2.Dataset(
        display_name=called,
        task_type=f"TASK_TYPE_{task.name}",
        classes=[dataset_pb2.LabelClass(id=number, name=name) for number, name in names],
    )
    with connection(context).client() as client:
        made = client.projects.create_dataset(project_name(project), dataset, wanted)
    show_one(made, COLUMNS, to_json=json)
