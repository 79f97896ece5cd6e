"""`sluice rounds`: the predictions of a model, and its failures."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from sluice.cli.arguments import (
    ClassMap,
    Dataset,
    DisplayName,
    IouMin,
    Json,
    NewId,
    Project,
    Round,
    ScoreMin,
    parse_class_map,
)
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.filters import SplitOption, split_word
from sluice.cli.output import ColumnNames, show, show_one, show_text, without_predictions
from sluice.cli.tables import ResourceCell
from sluice.formats.predictions import read_predictions

_FRAMES_PER_CALL = 500


def _metric(evaluation: Any) -> str:
    if not evaluation.split:
        return "not measured: no predictions, or not mined yet"
    ignored = f", {evaluation.ignored:,} in crowds" if evaluation.ignored else ""
    return (
        f"{split_word(evaluation.split)}: {evaluation.right:,} right, "
        f"{evaluation.confused:,} confused, {evaluation.missed:,} missed, "
        f"{evaluation.spurious:,} spurious{ignored} in {evaluation.frames:,} frames"
        f"{without_predictions(evaluation.frames_without_predictions)}"
    )


COLUMNS = [
    ("round", lambda r: ResourceCell(r.name)),
    ("called", lambda r: r.display_name),
    ("reports", lambda r: split_word(r.metric_split)),
    ("frames", lambda r: f"{r.predicted_count:,}"),
    ("metric", lambda r: _metric(r.metric)),
    ("mined", lambda r: _metric(r.mined)),
]


def create_round(
    context: typer.Context,
    dataset: Dataset,
    round_id: NewId,
    metric_split: Annotated[SplitOption, typer.Option(help="The split that the metric measures.")],
    called: DisplayName = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Create a round: one model, and the split that its metric measures.

    Example: sluice rounds create DATASET r1 --metric-split validation
    """
    with connection(context).client(project) as client:
        round_ = client.rounds.create(
            dataset, round_id, metric_split=metric_split, display_name=called
        )
        show_one(round_, COLUMNS, to_json=json)


def list_rounds(
    context: typer.Context,
    dataset: Dataset,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the rounds of a dataset, with their metrics.

    Example: sluice rounds list DATASET
    """
    with connection(context).client(project) as client:
        show(client.rounds.list(dataset), COLUMNS, to_json=json, names=columns)


def import_predictions(
    context: typer.Context,
    round_: Round,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Predictions: .jsonl.")],
    class_map: ClassMap = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Import the predictions of a round's model; they replace those of the same frames.

    Example: sluice rounds import-predictions ROUND predictions.jsonl
    """
    renamed = parse_class_map(class_map)
    added, replaced, unchanged = 0, 0, 0
    with connection(context).client(project) as client:
        frames, name = read_predictions(file), client.rounds.get(round_).name
        while batch := list(islice(frames, _FRAMES_PER_CALL)):
            counts = client.rounds.import_predictions(name, batch, class_map=renamed)
            added += counts.added_count
            replaced += counts.replaced_count
            unchanged += counts.unchanged_count
    text = f"{added:,} added, {replaced:,} replaced, {unchanged:,} unchanged"
    document = {"added": added, "replaced": replaced, "unchanged": unchanged}
    show_text(text, document, to_json=json)


def mine_failures(
    context: typer.Context,
    round_: Round,
    split: Annotated[SplitOption, typer.Option(help="The split to mine; not the metric's split.")],
    iou_min: IouMin = None,
    score_min: ScoreMin = 0,
    project: Project = "",
    json: Json = False,
) -> None:
    """Match predictions with labels: measure the metric's split, tag the failures of another.

    Example: sluice rounds mine-failures ROUND --split train
    """
    with connection(context).client(project) as client:
        mined = client.rounds.mine_failures(round_, split, iou_min=iou_min, score_min=score_min)
        show_one(mined, COLUMNS, to_json=json)


def delete_round(
    context: typer.Context,
    round_: Round,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete a round: its predictions, and the failures that frames have from it.

    Recorded rounds that were measured from it stay; its id is not used again.

    Example: sluice rounds delete ROUND --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.rounds.delete(round_, validate_only=dry_run)
        show_deletion(summary, to_json=json)
