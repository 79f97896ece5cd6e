"""`sluice doctor`: find differences between the stores, and repair them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from sluice.cli.arguments import Json
from sluice.cli.connection import connection
from sluice.cli.exit_codes import ExitCode
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import cell, console, stderr_console
from sluice.client import CollectionClient
from sluice.v1 import finding_pb2

_OUTCOMES = {
    finding_pb2.FINDING_OUTCOME_REPAIRABLE: "can be repaired",
    finding_pb2.FINDING_OUTCOME_REPAIRED: "repaired",
    finding_pb2.FINDING_OUTCOME_LOST: "lost for good",
}
ProjectFinding = tuple[str, finding_pb2.Finding]
"""A project, and a finding of its examination."""


def doctor(
    context: typer.Context,
    projects: Annotated[
        list[str] | None, typer.Argument(help="Projects; default: all that the key can read.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
    json: Json = False,
) -> None:
    """Compare rows, counters, outbox, vectors and files of all services, and list differences.

    Safe at any time, also with --repair: data that is being written is not reported.

    Example: sluice doctor night-fleet --repair
    """
    with connection(context).client() as client:
        names = client.names.projects(projects or None)
        findings = []
        for project, finding in _unique(_examine(client, names, repair=repair, quiet=json)):
            findings.append((project, finding))
            if not json:
                # At once: repairs are reported even if the connection breaks later.
                _print_finding(finding)
    if json:
        print_json([{"project": project, **as_json(finding)} for project, finding in findings])
    else:
        _print_summary(names, findings)
    repaired = finding_pb2.FINDING_OUTCOME_REPAIRED
    if any(finding.outcome != repaired for _, finding in findings):
        raise typer.Exit(ExitCode.DIFFERENT)


def _examine(
    client: CollectionClient, names: list[str], *, repair: bool, quiet: bool
) -> Iterator[ProjectFinding]:
    """Yield the findings of all projects; on a terminal, show the progress."""
    console = Console(stderr=True, quiet=True) if quiet else stderr_console
    with console.status("examining") as status:
        for name in names:
            for response in client.doctor.diagnose(name, repair=repair):
                if response.HasField("finding"):
                    yield name, response.finding
                else:
                    progress = response.progress
                    status.update(cell(f"{name}: {progress.examined:,} {progress.stage}"))


def _unique(findings: Iterator[ProjectFinding]) -> Iterator[ProjectFinding]:
    """Yield each finding once: a file without a project is reported by every project."""
    seen = set()
    for project, finding in findings:
        if (key := (finding.kind, finding.subject, finding.found)) not in seen:
            seen.add(key)
            yield project, finding


def _print_summary(names: list[str], findings: list[ProjectFinding]) -> None:
    if not findings:
        console.print(cell(f"no differences in {', '.join(names) or 'any project'}"))
        return
    outcomes = [_outcome(finding) for _, finding in findings]
    counts = (f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes))
    differences = "1 difference" if len(findings) == 1 else f"{len(findings):,} differences"
    console.print(cell(f"{differences}: {', '.join(counts)}"))


def _print_finding(finding: Any) -> None:
    """Print a finding on lines of its own, so that long names can be copied."""
    kind = finding_pb2.FindingKind.Name(finding.kind).removeprefix("FINDING_KIND_")
    title = cell(f"{kind.lower().replace('_', ' ')}, {_outcome(finding)}")
    title.stylize("bold")
    console.print(title)
    difference = f"expected {finding.expected}, found {finding.found}"
    for line in (finding.subject, difference):
        console.print(cell(f"  {line}"), soft_wrap=True)


def _outcome(finding: Any) -> str:
    return _OUTCOMES.get(finding.outcome, "unknown")
