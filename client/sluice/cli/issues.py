"""`sluice issues`: the hard cases."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.arguments import File, Issue, Json, Mapping, Metadata, Model, Project, source_of
from sluice.cli.context import connection, project_name
from sluice.cli.output import say, show, show_one

app = typer.Typer(help="Issues: the hard cases.", no_args_is_help=True)

COLUMNS = [
    ("issue", lambda i: i.name),
    ("called", lambda i: i.display_name),
    ("elements", lambda i: i.element_count),
    ("embeddings", lambda i: f"{i.model_id} ({i.dimension})" if i.model_id else ""),
]
ELEMENTS = [("frame", lambda e: e.frame.id), ("crop", lambda e: e.label_id)]
_ELEMENTS_PER_CALL = 512


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
def rename(
    context: typer.Context,
    issue: Issue,
    called: Annotated[str, typer.Argument(help="A name for people.")],
    json: Json = False,
) -> None:
    """Give an issue another name; its resource name stays.

    Example: sluice issues rename ISSUE "Vans in fog and rain"
    """
    with connection(context).client() as client:
        show_one(client.issues.rename(issue, called), COLUMNS, to_json=json)


@app.command("add-elements")
def add_elements(
    context: typer.Context,
    issue: Issue,
    file: File,
    model_id: Model,
    mapping: Mapping = None,
    metadata: Metadata = None,
    json: Json = False,
) -> None:
    """Add the frames of a file to an issue; those that are there already change nothing.

    Example: sluice issues add-elements ISSUE hard.npz --model-id resnet50-v2
    """
    with connection(context).client() as client:
        source = source_of(file, mapping, metadata)
        found = client.issues.get(issue)
        for rows in source.batches(_ELEMENTS_PER_CALL):
            frames = [rows.frame(index) for index in range(len(rows))]
            vectors = rows.embeddings
            found = client.issues.add_elements(issue, frames, vectors, model_id=model_id)
    show_one(found, COLUMNS, to_json=json)


@app.command()
def elements(context: typer.Context, issue: Issue, json: Json = False) -> None:
    """List the elements of an issue.

    Example: sluice issues elements ISSUE
    """
    with connection(context).client() as client:
        show(client.issues.elements(issue), ELEMENTS, to_json=json)


@app.command()
def delete(context: typer.Context, issue: Issue, json: Json = False) -> None:
    """Delete an issue and its elements; versions that were committed stay.

    Example: sluice issues delete ISSUE
    """
    with connection(context).client() as client:
        client.issues.delete(issue)
    say(f"{issue} is deleted", {"name": issue}, to_json=json)
