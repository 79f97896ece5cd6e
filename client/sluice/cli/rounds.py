"""`sluice datasets …`: rounds of predictions, and their failures."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from sluice.cli import datasets
from sluice.cli.arguments import Dataset, Json, Round
from sluice.cli.context import connection
from sluice.cli.filters import Split, split_word
from sluice.cli.output import say, show, show_one
from sluice.formats.predictions import read_predictions

app = datasets.app

_FRAMES_PER_CALL = 500


def _said(evaluation: Any) -> str:
    if not evaluation.split:
        return "not mined yet"
    return (
        f"{split_word(evaluation.split)}: {evaluation.right:,} right, "
        f"{evaluation.confused:,} confused, {evaluation.missed:,} missed, "
        f"{evaluation.spurious:,} spurious in {evaluation.frames:,} frames"
    )


COLUMNS = [
    ("round", lambda r: r.name),
    ("called", lambda r: r.display_name),
    ("reports", lambda r: split_word(r.metric_split)),
    ("frames", lambda r: f"{r.predicted_count:,}"),
    ("metric", lambda r: _said(r.metric)),
    ("mined", lambda r: _said(r.mined)),
]


@app.command("round")
def create_round(
    context: typer.Context,
    dataset: Dataset,
    round_id: Annotated[str, typer.Argument(help="The id: a-z, 0-9 and -.")],
    metric_split: Annotated[Split, typer.Option(help="The split whose metric is reported.")],
    called: Annotated[str, typer.Option(help="A name for people.")] = "",
    json: Json = False,
) -> None:
    """Begin a round: its failures are never mined from the split that it reports.

    Example: sluice datasets round DATASET r1 --metric-split validation
    """
    with connection(context).client() as client:
        made = client.rounds.create(
            dataset, round_id, metric_split=metric_split, display_name=called
        )
        show_one(made, COLUMNS, to_json=json)


@app.command("rounds")
def list_rounds(context: typer.Context, dataset: Dataset, json: Json = False) -> None:
    """List the rounds of a dataset, with what their predictions are worth.

    Example: sluice datasets rounds DATASET
    """
    with connection(context).client() as client:
        show(client.rounds.list(dataset), COLUMNS, to_json=json)


@app.command()
def predictions(
    context: typer.Context,
    round_: Round,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Predictions: .jsonl.")],
    json: Json = False,
) -> None:
    """Import what the model of a round predicted; what was imported before is replaced.

    Example: sluice datasets predictions ROUND predictions.jsonl
    """
    added, replaced, unchanged = 0, 0, 0
    with connection(context).client() as client:
        frames = read_predictions(file)
        while batch := list(islice(frames, _FRAMES_PER_CALL)):
            made = client.rounds.import_predictions(round_, batch)
            added += made.added_count
            replaced += made.replaced_count
            unchanged += made.unchanged_count
    said = f"{added:,} added, {replaced:,} replaced, {unchanged:,} unchanged"
    document = {"added": added, "replaced": replaced, "unchanged": unchanged}
    say(said, document, to_json=json)


@app.command()
def failures(
    context: typer.Context,
    round_: Round,
    split: Annotated[Split, typer.Option(help="Where to mine; never the one that is reported.")],
    iou_min: Annotated[
        float | None, typer.Option(help="Boxes that overlap less are two; default 0.5.")
    ] = None,
    score_min: Annotated[
        float, typer.Option(min=0, max=1, help="Predictions that are less sure do not count.")
    ] = 0,
    json: Json = False,
) -> None:
    """Match predictions with labels: measure the reported split, tag the failures of another.

    Example: sluice datasets failures ROUND --split train
    """
    with connection(context).client() as client:
        mined = client.rounds.mine_failures(round_, split, iou_min=iou_min, score_min=score_min)
        show_one(mined, COLUMNS, to_json=json)
