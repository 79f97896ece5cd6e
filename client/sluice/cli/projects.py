"""`sluice projects`: the tenants, their keys and datasets."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.context import Json, connection, console, print_json, project_name, show, show_one
from sluice.v1 import dataset_pb2, frame_pb2

app = typer.Typer(help="Projects, their keys and datasets.", no_args_is_help=True)

COLUMNS = [("project", lambda p: p.name), ("called", lambda p: p.display_name)]
_TASKS = [name.removeprefix("TASK_TYPE_").lower() for name in frame_pb2.TaskType.keys()][1:]  # noqa: SIM118


@app.command("list")
def list_projects(context: typer.Context, json: Json = False) -> None:
    """List the projects that the key may see.

    Example: sluice projects list
    """
    with connection(context).client() as client:
        show(client.projects.list(), COLUMNS, to_json=json)


@app.command()
def create(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    called: Annotated[str, typer.Option(help="A name for people.")] = "",
    json: Json = False,
) -> None:
    """Create a project; needs the admin's key.

    Example: sluice projects create night-fleet --called "Night fleet"
    """
    with connection(context).client() as client:
        show_one(client.projects.create(project, called), COLUMNS, to_json=json)


@app.command("create-key")
def create_key(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The project's id.")],
    scope: Annotated[list[str], typer.Option(help="log, review or admin; may be repeated.")],
    called: Annotated[str, typer.Option(help="Who uses it.")] = "",
    json: Json = False,
) -> None:
    """Create an API key; its secret is printed once.

    Example: sluice projects create-key night-fleet --scope log --called "car 7"
    """
    with connection(context).client() as client:
        secret = client.projects.create_api_key(project_name(project), scope, called)
    print_json({"secret": secret}) if json else console.print(secret, highlight=False)


@app.command("create-dataset")
def create_dataset(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The project's id.")],
    dataset: Annotated[str, typer.Argument(help="The dataset's id.")],
    task: Annotated[str, typer.Option(help=f"One of {', '.join(_TASKS)}.")],
    label_class: Annotated[
        list[str] | None, typer.Option("--class", help="A class's name; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Create a dataset: what its labels are, and their classes.

    Example: sluice projects create-dataset night-fleet street --task box_2d --class van
    """
    if task not in _TASKS:
        raise typer.BadParameter(f"{task!r} is none of {', '.join(_TASKS)}")
    names = enumerate(label_class or [])
    classes = [dataset_pb2.LabelClass(id=number, name=name) for number, name in names]
    wanted = dataset_pb2.Dataset(task_type=f"TASK_TYPE_{task.upper()}", classes=classes)
    with connection(context).client() as client:
        made = client.projects.create_dataset(project_name(project), dataset, wanted)
    columns = [("dataset", lambda d: d.name), ("classes", lambda d: len(d.classes))]
    show_one(made, columns, to_json=json)
