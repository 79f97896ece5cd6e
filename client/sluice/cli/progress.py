"""`sluice progress`: what each round brought, and whether another one is worth it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.arguments import Dataset, Json
from sluice.cli.context import connection
from sluice.cli.output import as_json, print_json, show, show_one
from sluice.cli.standing import show_standing
from sluice.formats.results import read_judged, read_results

app = typer.Typer(
    help="Progress: what rounds brought, and whether another is worth it.", no_args_is_help=True
)

File = Annotated[
    Path | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help='JSON lines: {"sample": …, "value": 0…1, "prediction": …, "slices": […]}.',
    ),
]


Measured = Annotated[
    str,
    typer.Option(
        "--from", metavar="ROUND", help="The round whose predictions to measure, by its id."
    ),
]
Groups = Annotated[
    int | None,
    typer.Option(min=1, help="How many groups were labelled; with --from default counted."),
]
Slices = Annotated[
    list[str] | None,
    typer.Option("--slice", metavar="VIEW", help="With --from, a view; may be repeated."),
]
IouMin = Annotated[
    float | None, typer.Option(help="With --from: boxes that overlap less are two; default 0.5.")
]
ScoreMin = Annotated[
    float, typer.Option(min=0, max=1, help="With --from: less sure predictions do not count.")
]

ROUNDS = [
    ("round", lambda r: r.round),
    ("groups", lambda r: r.labelled_groups),
    ("samples", lambda r: r.sample_count),
    ("metric", lambda r: f"{r.mean:.3f}"),
    ("predictions", lambda r: "yes" if r.with_predictions else "no"),
    ("slices", lambda r: ", ".join(r.slices)),
    ("judged failures", lambda r: r.judged_count),
    ("measured from", lambda r: r.measured_from.round),
]


@app.command()
def record(
    context: typer.Context,
    dataset: Dataset,
    round_number: Annotated[int, typer.Option("--round", min=0, help="The round's number.")],
    file: File = None,
    measured: Measured = "",
    groups: Groups = None,
    slices: Slices = None,
    iou_min: IouMin = None,
    score_min: ScoreMin = 0,
    failures: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help='Judged failures, JSON lines: {"label": …, "first": …, "second": …}.',
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Record what a round's model is worth on each validation sample: of a file, or measured.

    Example: sluice progress record DATASET results.jsonl --round 1 --groups 200
    """
    if (file is None) == (not measured):
        raise typer.BadParameter("exactly one of a file and --from is needed")
    if file and (slices or iou_min is not None or score_min):
        raise typer.BadParameter("--slice, --iou-min and --score-min are for --from")
    if file and groups is None:
        raise typer.BadParameter("--groups is needed with a file")
    with connection(context).client() as client:
        judged = read_judged(failures) if failures else ()
        if file:
            results = read_results(file)
            answer = client.progress.record(
                dataset,
                round_number,
                results.values,
                labelled_groups=groups or 0,
                predictions=results.predictions,
                slices=results.slices,
                failures=judged,
            )
        else:
            answer = client.progress.record_measured(
                dataset,
                round_number,
                f"{dataset}/rounds/{measured}",
                labelled_groups=groups or 0,
                iou_min=iou_min,
                score_min=score_min,
                slice_views=slices or (),
                failures=judged,
            )
    if json:
        print_json(as_json(answer))
    else:
        show_one(answer.round, ROUNDS, to_json=False)


@app.command("list")
def list_rounds(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """List the recorded rounds of a dataset.

    Example: sluice progress list DATASET
    """
    with connection(context).client() as client:
        show(client.progress.rounds(dataset), ROUNDS, to_json=json)


@app.command("show")
def show_progress(
    context: typer.Context,
    dataset: Dataset,
    target: Annotated[
        float | None, typer.Option(min=0, max=1, help="What the metric must surely reach.")
    ] = None,
    gain_min: Annotated[
        float | None, typer.Option(min=0, max=1, help="What a batch must bring; default 0.01.")
    ] = None,
    next_groups: Annotated[
        int, typer.Option(min=0, help="Groups of the next batch; default as many as the last.")
    ] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Draws it into this file too: .png, .svg or .pdf."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what all rounds say together, and one recommendation; you decide.

    Example: sluice progress show DATASET --target 0.9
    """
    with connection(context).client() as client:
        found = client.progress.get(
            dataset,
            target=target,
            gain_min=gain_min,
            next_groups=next_groups,
        )
        if plot:
            from sluice.plots import draw_progress  # which needs an extra

            draw_progress(found, plot)
    if json:
        print_json(as_json(found))
    else:
        show_standing(found)
