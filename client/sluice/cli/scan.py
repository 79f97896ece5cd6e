"""`sluice scan` and `sluice background`: whole files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import grpc
import typer

from sluice import errors
from sluice.background import dimension_of, draw_background, find_space, rows_needed
from sluice.cli.arguments import (
    File,
    Json,
    Mapping,
    Metadata,
    Model,
    Project,
    columns_of,
    source_of,
)
from sluice.cli.context import connection, end_interrupted, project_name
from sluice.cli.interrupts import heeding_interrupts
from sluice.cli.output import complaints, console, print_json, show_one
from sluice.cli.progress import bars, draw_histogram
from sluice.formats import Source, open_source
from sluice.limits import BATCH_ROWS_MAX
from sluice.model_store import ModelStore
from sluice.resources import Campaigns
from sluice.resumption import Resumption
from sluice.scan import Scan, ScanProgress, batch_rows, load_space
from sluice.state import SpaceState

_SPACE = [
    ("embeddings", lambda s: f"{s.model_id} ({s.dimension})"),
    ("rows", lambda s: s.background_count),
    ("basis", lambda s: s.basis_digest[:12]),
]


def background(
    context: typer.Context,
    file: File,
    project: Project,
    model_id: Model,
    mapping: Mapping = None,
    metadata: Metadata = None,
    json: Json = False,
) -> None:
    """Give a space its background: a random sample of a file's frames, in place of any before.

    Example: sluice background corpus.parquet -p night-fleet --model-id resnet50-v2
    """
    with connection(context).client() as client:
        source = source_of(file, mapping, metadata)
        sample = draw_background(source, dimension_of(source))
        space = client.campaigns.set_background(project_name(project), model_id, sample)
    show_one(space, _SPACE, to_json=json)


def scan(
    context: typer.Context,
    file: File,
    project: Project,
    model_id: Model,
    mapping: Mapping = None,
    metadata: Metadata = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Goes before the campaigns' own.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show scores; send nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after an interruption.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget an interrupted scan, and begin anew.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Where to keep what --resume needs; default FILE.scan.")
    ] = None,
    rows_max: Annotated[
        int, typer.Option("--batch-rows", min=1, max=BATCH_ROWS_MAX, help="Rows sent at a time.")
    ] = BATCH_ROWS_MAX,
    json: Json = False,
) -> None:
    """Score every row of a file, count all, and collect what matches.

    Example: sluice scan corpus.parquet -p night-fleet --model-id resnet50-v2 --dry-run
    """
    if resume + restart + dry_run > 1:
        raise typer.BadParameter("--resume, --restart and --dry-run exclude each other")
    columns, name = columns_of(mapping, metadata), project_name(project)
    kept = state or file.with_name(file.name + ".scan")
    with connection(context).client() as client:
        source = open_source(file, columns)
        space = load_space(client.channel, name, model_id, dimension_of(source), ModelStore())
        rows = min(rows_max, batch_rows(space.dimension, len(space.campaigns)))
        wanted = Resumption.new(file, columns, space, threshold=threshold, batch_rows=rows)
        going_on = wanted if dry_run else _begin(wanted, kept, resume=resume, restart=restart)
        _ensure_background(client.channel, source, space, dry_run=dry_run)
        job = Scan(space, rows=going_on.batch_rows, threshold=threshold)
        with bars(source.row_count, dry_run=dry_run, quiet=json) as update:
            if dry_run:
                job.try_out(source, update)
            else:
                _run(job, client.channel, source, going_on, kept, update, resumed=resume)
    _report(job.progress, "" if dry_run else going_on.session_id, to_json=json)


def _begin(wanted: Resumption, kept: Path, *, resume: bool, restart: bool) -> Resumption:
    """The scan that begins or goes on; one that was interrupted is not forgotten by accident."""
    if resume:
        return wanted.resumed(kept)
    if kept.exists() and not restart:
        raise errors.FailedPrecondition(
            f"{kept}: a scan of this file was interrupted; --resume goes on with it, --restart "
            "forgets it, and counts again what it has counted"
        )
    return wanted


def _ensure_background(
    channel: grpc.Channel, source: Source, space: SpaceState, *, dry_run: bool
) -> None:
    """Draw a background where there is none, and say what comes of it."""
    found = find_space(channel, space.project, space.model_id, space.dimension)
    if found is not None and found.basis_digest:
        return
    if dry_run:
        complaints.print("there is no background; a scan that is no dry run draws one")
        return
    complaints.print("there is no background: drawing a random sample of the file")
    sample = draw_background(source, space.dimension)
    if len(sample) < (needed := rows_needed(space.dimension)):
        complaints.print(f"{len(sample)} rows are too few for one, which needs {needed}")
        return
    Campaigns(channel).set_background(space.project, space.model_id, sample)
    complaints.print("this scan scores without it; campaigns use it once they commit again:")
    for campaign in space.campaigns:
        complaints.print(f"sluice campaigns commit {campaign.name}", soft_wrap=True)


def _run(
    job: Scan,
    channel: grpc.Channel,
    source: Source,
    resumption: Resumption,
    kept: Path,
    update: Callable[[ScanProgress], None],
    *,
    resumed: bool,
) -> None:
    """Scan; where that ends early, say what was sent and how to go on."""
    progress = job.progress

    def on_progress(progress: ScanProgress) -> None:
        heed()
        update(progress)

    try:
        with heeding_interrupts() as heed:
            resumption.save(kept)
            job.run(channel, source, resumption.session_id, on_progress)
    except KeyboardInterrupt:
        end_interrupted(f"interrupted: {_sent(progress)}. Go on with --resume ({kept}).")
    except errors.SluiceError as error:
        if progress.submitted or resumed:
            of_file = isinstance(error, errors.InvalidArgument)
            how = "A mended file is scanned with --restart" if of_file else "Go on with --resume"
            complaints.print(f"{_sent(progress)}. {how} ({kept}).", soft_wrap=True)
        else:
            kept.unlink(missing_ok=True)  # nothing was sent: there is nothing to go on with
        raise
    kept.unlink(missing_ok=True)


def _sent(progress: ScanProgress) -> str:
    return (
        f"of {progress.rows:,} rows that were read, the server has counted {progress.counted:,} "
        f"and collected {progress.collected:,}"
    )


def _report(progress: ScanProgress, session_id: str, *, to_json: bool) -> None:
    verdicts: dict[str, dict[str, int]] = {}
    for (campaign, verdict), count in sorted(progress.verdicts.items()):
        verdicts.setdefault(campaign, {})[verdict] = count
    if to_json:
        print_json(
            {
                "rows": progress.rows,
                "passing": progress.passing,
                "collected": progress.collected,
                "already_counted": progress.skipped,
                "dry_run": not session_id,
                "session_id": session_id,
                "verdicts": verdicts,
                "histogram": progress.histogram.tolist(),
            }
        )
        return
    console.print(f"{progress.rows:,} rows, {progress.passing:,} at or over a threshold")
    for campaign, counts in verdicts.items():
        said = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
        console.print(f"{campaign}: {said.replace('_', ' ')}", soft_wrap=True, highlight=False)
    if not session_id:
        draw_histogram(progress)
