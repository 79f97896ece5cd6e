"""`sluice scan` and `sluice background`: whole files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from sluice import errors
from sluice.cli.context import (
    INTERRUPTED,
    Json,
    Project,
    complain,
    complaints,
    connection,
    console,
    exit_code,
    print_json,
    project_name,
    show_one,
)
from sluice.formats import Columns, Source, open_source
from sluice.limits import BATCH_ROWS_MAX
from sluice.model_store import ModelStore
from sluice.scan import Progress, Resumption, Scan, dimension_of, ensure_background

File = Annotated[Path, typer.Argument(help="Frames: .parquet, .arrow, .npz or .jsonl.")]
Model = Annotated[str, typer.Option(help="The embedding model.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, for frame_id, embedding, image_url, …"),
]
_SPACE = [
    ("embeddings", lambda s: f"{s.model_id} ({s.dimension})"),
    ("rows", lambda s: s.background_count),
    ("basis", lambda s: s.basis_digest[:12]),
]
_BAR_WIDTH = 50


def background(
    context: typer.Context,
    file: File,
    project: Project,
    model_id: Model,
    mapping: Mapping = None,
    json: Json = False,
) -> None:
    """Give a space its background: a random sample of a file's frames, if it has none.

    Example: sluice background corpus.npz -p night-fleet --model-id resnet50-v2
    """
    with connection(context).client() as client:
        source = open_source(file, Columns.of(mapping or []))
        name = project_name(project)
        made = ensure_background(client.channel, name, model_id, source)
        dimension = dimension_of(source)
        found = made or next(
            space
            for space in client.campaigns.spaces(name)
            if (space.model_id, space.dimension) == (model_id, dimension)
        )
    show_one(found, _SPACE, to_json=json)


def scan(
    context: typer.Context,
    file: File,
    project: Project,
    model_id: Model,
    mapping: Mapping = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Goes before the campaigns' own.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show scores; send nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after an interruption.")] = False,
    state: Annotated[
        Path | None, typer.Option(help="Where to keep what --resume needs; default FILE.scan.")
    ] = None,
    rows: Annotated[
        int, typer.Option("--batch-rows", min=1, max=BATCH_ROWS_MAX, help="Rows sent at a time.")
    ] = BATCH_ROWS_MAX,
    json: Json = False,
) -> None:
    """Score every row of a file, count all, and collect what matches.

    Example: sluice scan corpus.npz -p night-fleet --model-id resnet50-v2 --dry-run
    """
    kept = state or file.with_name(file.name + ".scan")
    with connection(context).client() as client:
        source = open_source(file, Columns.of(mapping or []))
        name = project_name(project)
        if ensure_background(client.channel, name, model_id, source) is not None:
            complaints.print("a background was drawn; campaigns use it once they commit again")
        if resume:
            resumption = Resumption.load(kept, file)
        else:
            resumption = Resumption.new(file, dimension_of(source), rows)
        job = Scan(client.channel, name, model_id, ModelStore())
        try:
            with _bars(source, quiet=json) as update:
                if not dry_run:
                    resumption.save(kept)
                job.run(source, resumption, update, override=threshold, dry_run=dry_run)
        except KeyboardInterrupt:
            _interrupted(job.progress, kept)
        except errors.SluiceError as error:
            complain(error)
            complaints.print(f"{job.progress.rows:,} rows were read; --resume goes on")
            raise typer.Exit(exit_code(error)) from error
    if not dry_run:
        kept.unlink(missing_ok=True)
    _report(job.progress, resumption, dry_run=dry_run, to_json=json)


def _interrupted(progress: Progress, state: Path) -> NoReturn:
    """Say how to go on, and end the process at once.

    An orderly end would wait for the call that Ctrl-C has cut off, which grpc never finishes.
    """
    complaints.print(
        f"\ninterrupted after {progress.rows:,} rows, {progress.passing:,} of them over a "
        f"threshold; what the server has acknowledged stays. Go on with --resume ({state})."
    )
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _report(progress: Progress, resumption: Resumption, *, dry_run: bool, to_json: bool) -> None:
    if to_json:
        print_json(
            {
                "rows": progress.rows,
                "passing": progress.passing,
                "already_counted": progress.skipped,
                "dry_run": dry_run,
                "session_id": "" if dry_run else resumption.session_id,
                "histogram": progress.histogram.tolist(),
            }
        )
        return
    console.print(f"{progress.rows:,} rows, {progress.passing:,} at or over a threshold")
    if dry_run:
        _histogram(progress)


def _histogram(progress: Progress) -> None:
    """Draw the scores, four bins in a line; bars are by the square root, or few would be none."""
    counts = progress.histogram.reshape(-1, 4).sum(axis=1)
    highest = max(int(counts.max()), 1)
    for index, count in enumerate(counts.tolist()):
        bar = "█" * round(_BAR_WIDTH * (count / highest) ** 0.5)
        low = index / len(counts)
        console.print(f"{low:5.3f} {bar} {count or ''}", highlight=False)


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed or 0
        return Text(f"{speed:,.0f} frames/s", style="dim")


@contextmanager
def _bars(source: Source, *, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    columns = (
        TextColumn("scanning"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("{task.fields[passing]:,} matching"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=complaints, disable=quiet) as bars:
        bar = bars.add_task("scan", total=source.row_count, passing=0)
        yield lambda progress: bars.update(bar, completed=progress.rows, passing=progress.passing)
