"""`sluice scan`: score every row of a file, and collect the matches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import grpc
import typer

from sluice import errors
from sluice.background import dimension_of
from sluice.cli.arguments import Json, Model, Project, Threshold
from sluice.cli.connection import connection, exit_interrupted
from sluice.cli.frame_files import (
    ColumnMapping,
    FrameFiles,
    FramesFile,
    IdsAsText,
    Metadata,
    SkipBadRows,
    SkippedFile,
    TimeZone,
    parse_frame_files,
)
from sluice.cli.interrupts import raising_interrupts
from sluice.cli.json_output import print_json
from sluice.cli.missing_background import WithoutBackground
from sluice.cli.output import console, stderr_console
from sluice.cli.scan_background import ScanBackground
from sluice.cli.scan_progress import draw_histogram, progress_bar
from sluice.formats import Source, side_file
from sluice.limits import BATCH_ROWS_MAX
from sluice.model_store import ModelStore
from sluice.resumption import Resumption
from sluice.scan import Scan, ScanProgress, batch_rows, load_space


def scan(
    context: typer.Context,
    file: FramesFile,
    model_id: Model,
    mapping: ColumnMapping = None,
    metadata: Metadata = None,
    ids_as_text: IdsAsText = False,
    timezone: TimeZone = "",
    skip_bad_rows: SkipBadRows = False,
    skipped_file: SkippedFile = None,
    threshold: Threshold = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Score; send nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted scan.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard an interrupted scan, and start again.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="The state file of --resume; default FILE.scan.")
    ] = None,
    rows_max: Annotated[
        int, typer.Option("--batch-rows", min=1, max=BATCH_ROWS_MAX, help="Rows per batch.")
    ] = BATCH_ROWS_MAX,
    without_background: WithoutBackground = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Score and count every row of a file, and collect the matches.

    Draws a missing background from the file first, and commits the campaigns again to use it, from
    their issues as they are now.

    Example: sluice scan corpus.parquet -p night-fleet --model-id resnet50-v2 --dry-run
    """
    if resume + restart + dry_run > 1:
        raise typer.BadParameter("--resume, --restart and --dry-run exclude each other")
    files = parse_frame_files(
        file, mapping, metadata, ids_as_text, timezone, skip_bad_rows, skipped_file
    )
    state_path = state or side_file(file, ".scan")
    with connection(context).client(project) as client, files.reading() as source:
        name, dimension = client.names.project(), dimension_of(source)
        if not (resume or restart or dry_run):
            _check_not_interrupted(state_path)
        ScanBackground(client.channel, name, model_id, dimension).ensure(
            source, accepted=without_background, changes_nothing=dry_run or resume
        )
        space = load_space(client.channel, name, model_id, dimension, ModelStore())
        rows = min(rows_max, batch_rows(space.dimension, len(space.campaigns)))
        resumption = Resumption.new(
            file, files.columns, space, threshold=threshold, batch_rows=rows
        )
        if resume:
            resumption = resumption.resumed(state_path, source)
        job = Scan(space, rows=resumption.batch_rows, threshold=threshold)
        with progress_bar(source.row_count, dry_run=dry_run, quiet=json) as update:
            if dry_run:
                job.try_out(source, update)
            else:
                _run(job, client.channel, source, resumption, state_path, update, resumed=resume)
    _report(job.progress, files, "" if dry_run else resumption.session_id, to_json=json)


def _check_not_interrupted(state_path: Path) -> None:
    """An interrupted scan is discarded only with --restart."""
    if state_path.exists():
        raise errors.FailedPrecondition(
            f"{state_path}: a scan of this file was interrupted; --resume continues it, --restart "
            "discards it and counts its rows again"
        )


def _run(
    job: Scan,
    channel: grpc.Channel,
    source: Source,
    resumption: Resumption,
    state_path: Path,
    update: Callable[[ScanProgress], None],
    *,
    resumed: bool,
) -> None:
    """Scan; if the scan ends early, print what was sent and how to resume."""
    progress = job.progress

    def on_progress(progress: ScanProgress) -> None:
        raise_if_interrupted()
        update(progress)

    try:
        with raising_interrupts() as raise_if_interrupted:
            resumption.save(state_path)
            job.run(channel, source, resumption.session_id, on_progress)
    except KeyboardInterrupt:
        exit_interrupted(f"interrupted: {_sent(progress)}. Continue with --resume ({state_path}).")
    except errors.SluiceError as error:
        if progress.submitted or resumed:
            step = "Continue with --resume"
            if isinstance(error, errors.InvalidArgument):
                step = _prepare_correction(progress, source, resumption, state_path)
            stderr_console.print(f"{_sent(progress)}. {step} ({state_path}).", soft_wrap=True)
        else:
            state_path.unlink(missing_ok=True)  # nothing was sent, so nothing can be resumed
        raise
    state_path.unlink(missing_ok=True)


def _prepare_correction(
    progress: ScanProgress, source: Source, resumption: Resumption, state_path: Path
) -> str:
    """Keep what a corrected file must have in common with this one; returns the next step."""
    if progress.rejected or progress.in_flight:
        return "Correct the file, then use --restart, which counts all rows again"
    resumption.ended_by_row(source, progress.batches).save(state_path)
    return "Correct the file, then use --resume, which counts the remaining rows"


def _sent(progress: ScanProgress) -> str:
    at_least = "at least " if progress.in_flight else ""
    return (
        f"{progress.rows:,} rows read; the server has counted {at_least}{progress.counted:,} "
        f"and taken {at_least}{progress.sent:,} matches"
    )


def _report(progress: ScanProgress, files: FrameFiles, session_id: str, *, to_json: bool) -> None:
    verdicts: dict[str, dict[str, int]] = {}
    for (campaign, verdict), count in sorted(progress.verdicts.items()):
        verdicts.setdefault(campaign, {})[verdict] = count
    if to_json:
        print_json(
            {
                "rows": progress.rows,
                "passing": progress.passing,
                "collected": progress.sent,
                "already_counted": progress.skipped,
                "skipped_rows": files.skipped_count,
                "dry_run": not session_id,
                "session_id": session_id,
                "verdicts": verdicts,
                "histogram": progress.histogram.tolist(),
            }
        )
        return
    console.print(f"{progress.rows:,} rows, {progress.passing:,} at or over a threshold")
    for campaign, counts in verdicts.items():
        text = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
        console.print(f"{campaign}: {text.replace('_', ' ')}", soft_wrap=True, highlight=False)
    if not session_id:
        draw_histogram(progress)
