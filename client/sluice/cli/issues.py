"""`sluice issues`: the hard cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sluice.cli.context import Json, Project, connection, project_name, show, show_one
from sluice.formats import Columns, open_source

app = typer.Typer(help="Issues: the hard cases.", no_args_is_help=True)

COLUMNS = [
    ("issue", lambda i: i.name),
    ("called", lambda i: i.display_name),
    ("elements", lambda i: i.element_count),
    ("embeddings", lambda i: f"{i.model_id} ({i.dimension})" if i.model_id else ""),
]
_ELEMENTS_PER_CALL = 512

Issue = Annotated[str, typer.Argument(help="projects/…/issues/…")]


@app.command("list")
def list_issues(context: typer.Context, project: Project, json: Json = False) -> None:
    """List the issues of a project.

    Example: sluice issues list -p night-fleet
    """
    with connection(context).client() as client:
        show(client.issues.list(project_name(project)), COLUMNS, to_json=json)


@app.command()
def create(
    context: typer.Context,
    project: Project,
    called: Annotated[str, typer.Argument(help="A name for people.")],
    dataset: Annotated[str, typer.Option(help="The id of the dataset of its elements.")],
    json: Json = False,
) -> None:
    """Create an issue without elements.

    Example: sluice issues create -p night-fleet "Vans in fog" --dataset street
    """
    parent = project_name(project)
    with connection(context).client() as client:
        made = client.issues.create(parent, called, f"{parent}/datasets/{dataset}")
    show_one(made, COLUMNS, to_json=json)


@app.command("show")
def show_issue(context: typer.Context, issue: Issue, json: Json = False) -> None:
    """Show one issue.

    Example: sluice issues show ISSUE
    """
    with connection(context).client() as client:
        show_one(client.issues.get(issue), COLUMNS, to_json=json)


@app.command()
def add(
    context: typer.Context,
    issue: Issue,
    file: Annotated[Path, typer.Argument(help="Frames: .parquet, .arrow, .npz or .jsonl.")],
    model_id: Annotated[str, typer.Option(help="The embedding model.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Add the frames of a file to an issue.

    Example: sluice issues add ISSUE hard.npz --model-id resnet50-v2
    """
    with connection(context).client() as client:
        source = open_source(file, Columns.of(mapping or []))
        found = client.issues.get(issue)
        for rows in source.batches(_ELEMENTS_PER_CALL):
            frames = [rows.frame(index) for index in range(len(rows))]
            vectors = np.asarray(rows.embeddings)
            found = client.issues.add_elements(issue, frames, vectors, model_id=model_id)
    show_one(found, COLUMNS, to_json=json)


@app.command()
def elements(context: typer.Context, issue: Issue, json: Json = False) -> None:
    """List the elements of an issue.

    Example: sluice issues elements ISSUE
    """
    columns = [("frame", lambda e: e.frame.id), ("crop", lambda e: e.label_id)]
    with connection(context).client() as client:
        show(client.issues.elements(issue), columns, to_json=json)


@app.command()
def delete(context: typer.Context, issue: Issue) -> None:
    """Delete an issue and its elements.

    Example: sluice issues delete ISSUE
    """
    with connection(context).client() as client:
        client.issues.delete(issue)
