"""`python -m demo`: the main job of Sluice on real frames, from start to report.

Writes only `demo-data/` and `demo-report.json`, in the current directory.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console

from demo.classifier import Failures, find_failures, train
from demo.digits import LABELLED_OF_SCARCE_CLASS, LABELLED_PER_CLASS, write_digits
from demo.frames import Source
from demo.interrupts import exit_when_signalled, run_until_signalled
from demo.job import Job, JobResult
from demo.report import Paths, Truth, print_report, write_report
from demo.sluiced import Server, running_sluiced
from demo.team import open_project

PATHS = Paths(work=Path("demo-data").resolve(), report=Path("demo-report.json").resolve())
WIDTH_MIN = 100  # columns that the table of samples needs; a pipe has no width


def main() -> None:
    """Write the frames, run the job on a server of its own, print and write the report."""
    exit_when_signalled()
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_MIN
    source, failures = _prepare(console)
    with running_sluiced(PATHS.data, PATHS.log) as server:
        console.print(f"sluiced serves on {server.address}\n")
        result = run_until_signalled(_run(server, source, failures, console))
    truth = Truth.of(source, failures)
    print_report(console, result, truth, PATHS)
    write_report(result, truth, PATHS.report)


def _prepare(console: Console) -> tuple[Source, Failures]:
    """Write the frames, train the classifier, find its failures; delete an earlier run."""
    shutil.rmtree(PATHS.work, ignore_errors=True)
    digits = write_digits(PATHS.frames)
    source = Source(digits, train(digits))
    failures = find_failures(source.classifier, digits)
    console.print(
        f"Wrote {len(digits.truth):,} handwritten digits to {PATHS.frames}\n"
        f"Trained a classifier on {len(digits.labelled)} of them: {LABELLED_PER_CLASS} of each "
        f"class, but only {LABELLED_OF_SCARCE_CLASS} of one. On {len(digits.validation)} other "
        f"labelled digits it fails most on [bold]{failures.class_id}[/]: "
        f"{len(failures.frames)} of {failures.class_rows} are wrong. "
        f"These failures are the issue; the other {len(digits.archive):,} frames are the "
        f"unlabelled archive.\n",
        highlight=False,
    )
    return source, failures


async def _run(server: Server, source: Source, failures: Failures, console: Console) -> JobResult:
    async with open_project(server.address, server.admin_key) as project:
        return await Job(project, source, failures, console).run()


if __name__ == "__main__":
    main()
