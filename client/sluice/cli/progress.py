"""`sluice progress`: record what each round gained, and see whether another is worth it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.arguments import Dataset, Json, Project
from sluice.cli.connection import connection
from sluice.cli.json_output import as_json, print_json
from sluice.cli.output import ColumnNames, show, show_one, without_predictions
from sluice.cli.progress_tables import print_progress
from sluice.formats.results import read_judged, read_results

ResultsFile = Annotated[
    Path | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help='JSON lines: {"sample": …, "value": 0…1, "prediction": …, "slices": […]}.',
    ),
]
MeasuredRound = Annotated[
    str,
    typer.Option("--from", metavar="ROUND", help="The round whose predictions to measure."),
]
Groups = Annotated[
    int | None,
    typer.Option(min=1, help="Number of labelled groups; with --from, counted by default."),
]
Slices = Annotated[
    list[str] | None,
    typer.Option(
        "--slice",
        metavar="VIEW",
        help="With --from: a view to measure on its own; may be repeated.",
    ),
]
MeasuredIouMin = Annotated[
    float | None,
    typer.Option("--iou-min", help="With --from: minimum IoU for a match; default 0.5."),
]
MeasuredScoreMin = Annotated[
    float,
    typer.Option("--score-min", min=0, max=1, help="With --from: minimum score of a prediction."),
]

ROUNDS = [
    ("round", lambda r: r.round),
    ("groups", lambda r: r.labelled_groups),
    (
        "samples",
        lambda r: f"{r.sample_count:,}{without_predictions(r.samples_without_predictions)}",
    ),
    ("metric", lambda r: f"{r.mean:.3f}"),
    ("predictions", lambda r: "yes" if r.with_predictions else "no"),
    ("slices", lambda r: ", ".join(r.slices)),
    ("judged failures", lambda r: r.judged_count),
    ("measured from", lambda r: r.measured_from.round),
]


def record(
    context: typer.Context,
    dataset: Dataset,
    round_number: Annotated[int, typer.Option("--round", min=0, help="The round's number.")],
    file: ResultsFile = None,
    measured_round: MeasuredRound = "",
    groups: Groups = None,
    slices: Slices = None,
    iou_min: MeasuredIouMin = None,
    score_min: MeasuredScoreMin = 0,
    failures: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help='Judged failures, JSON lines: {"label": …, "first": …, "second": …}.',
        ),
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Record the metric of a round on each validation sample, from a file or measured.

    Example: sluice progress record DATASET results.jsonl --round 1 --groups 200
    """
    if (file is None) == (not measured_round):
        raise typer.BadParameter("exactly one of a file and --from is required")
    if file and (slices or iou_min is not None or score_min):
        raise typer.BadParameter("--slice, --iou-min and --score-min require --from")
    if file and groups is None:
        raise typer.BadParameter("--groups is required with a file")
    with connection(context).client(project) as client:
        judged = read_judged(failures) if failures else ()
        if file:
            results = read_results(file)
            response = client.progress.record(
                dataset,
                round_number,
                results.values,
                labelled_groups=groups or 0,
                predictions=results.predictions,
                slices=results.slices,
                failures=judged,
            )
        else:
            response = client.progress.record_measured(
                dataset,
                round_number,
                measured_round,
                labelled_groups=groups or 0,
                iou_min=iou_min,
                score_min=score_min,
                slice_views=slices or (),
                failures=judged,
            )
    if json:
        print_json(as_json(response))
    else:
        show_one(response.round, ROUNDS, to_json=False)


def list_recorded_rounds(
    context: typer.Context,
    dataset: Dataset,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the recorded rounds of a dataset.

    Example: sluice progress list DATASET
    """
    with connection(context).client(project) as client:
        show(client.progress.rounds(dataset), ROUNDS, to_json=json, names=columns)


def show_progress(
    context: typer.Context,
    dataset: Dataset,
    target: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The target of the metric; its interval must reach it."),
    ] = None,
    gain_min: Annotated[
        float | None, typer.Option(min=0, max=1, help="Minimum gain of a batch; default 0.01.")
    ] = None,
    next_groups: Annotated[
        int, typer.Option(min=0, help="Groups of the next batch; default: as many as in the last.")
    ] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Also draw it into this file: .png, .svg or .pdf."),
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Show the progress over all rounds, with one recommendation; you decide.

    Example: sluice progress show DATASET --target 0.9
    """
    with connection(context).client(project) as client:
        progress = client.progress.get(
            dataset,
            target=target,
            gain_min=gain_min,
            next_groups=next_groups,
        )
        if plot:
            from sluice.plots import draw_progress  # needs the extra `plot`

            draw_progress(progress, plot)
    if json:
        print_json(as_json(progress))
    else:
        print_progress(progress)
