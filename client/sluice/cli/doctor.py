"""`sluice doctor`: where the stores differ from each other, and mending them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from sluice.cli.arguments import Json
from sluice.cli.context import connection, project_name
from sluice.cli.exits import Exit
from sluice.cli.output import as_json, cell, complaints, console, print_json
from sluice.client import CollectionClient
from sluice.v1 import finding_pb2

_OUTCOMES = {
    finding_pb2.FINDING_OUTCOME_REPAIRABLE: "can be repaired",
    finding_pb2.FINDING_OUTCOME_REPAIRED: "repaired",
    finding_pb2.FINDING_OUTCOME_LOST: "lost for good",
}
_Found = tuple[str, finding_pb2.Finding]
"""The project that was examined, and a finding."""


def doctor(
    context: typer.Context,
    projects: Annotated[
        list[str] | None, typer.Argument(help="Project ids; default all that the key may see.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    json: Json = False,
) -> None:
    """Compare rows, counters, outbox, vectors and files of all services: name what differs.

    May be run at any time, also with --repair: what is being written just now is no difference.

    Example: sluice doctor night-fleet --repair
    """
    with connection(context).client() as client:
        names = [project_name(project) for project in projects or ()]
        names = names or [project.name for project in client.projects.list()]
        found = []
        for project, finding in _unique(_examine(client, names, repair=repair, quiet=json)):
            found.append((project, finding))
            if not json:
                # As they come: what was mended is said even if the connection breaks then.
                _show_one(finding)
    if json:
        print_json([{"project": project, **as_json(finding)} for project, finding in found])
    else:
        _sum_up(names, found)
    repaired = finding_pb2.FINDING_OUTCOME_REPAIRED
    if any(finding.outcome != repaired for _, finding in found):
        raise typer.Exit(Exit.DIFFERENT)


def _examine(
    client: CollectionClient, names: list[str], *, repair: bool, quiet: bool
) -> Iterator[_Found]:
    """The findings of all projects; on a terminal, how far it is."""
    shown = Console(stderr=True, quiet=True) if quiet else complaints
    with shown.status("examining") as status:
        for name in names:
            for response in client.doctor.diagnose(name, repair=repair):
                if response.HasField("finding"):
                    yield name, response.finding
                else:
                    progress = response.progress
                    status.update(cell(f"{name}: {progress.examined:,} {progress.stage}"))


def _unique(found: Iterator[_Found]) -> Iterator[_Found]:
    """Each finding once: a file that no project names is found from every project."""
    seen = set()
    for project, finding in found:
        if (about := (finding.kind, finding.subject, finding.found)) not in seen:
            seen.add(about)
            yield project, finding


def _sum_up(names: list[str], found: list[_Found]) -> None:
    if not found:
        console.print(cell(f"nothing differs in {', '.join(names) or 'no project at all'}"))
        return
    outcomes = [_outcome(finding) for _, finding in found]
    counted = (f"{outcomes.count(said)} {said}" for said in dict.fromkeys(outcomes))
    differences = "1 difference" if len(found) == 1 else f"{len(found):,} differences"
    console.print(cell(f"{differences}: {', '.join(counted)}"))


def _show_one(finding: Any) -> None:
    """Print a finding on lines of its own: names are too long for columns, and may be copied."""
    kind = finding_pb2.FindingKind.Name(finding.kind).removeprefix("FINDING_KIND_")
    title = cell(f"{kind.lower().replace('_', ' ')}, {_outcome(finding)}")
    title.stylize("bold")
    console.print(title)
    said = f"expected {finding.expected}, found {finding.found}"
    for line in (finding.subject, said):
        console.print(cell(f"  {line}"), soft_wrap=True)


def _outcome(finding: Any) -> str:
    return _OUTCOMES.get(finding.outcome, "unknown")
