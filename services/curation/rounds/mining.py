"""Mining a round: the metric of one split, and the failures of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from services.curation.context import Curation
from services.curation.records import (
    FailureKind,
    FrameRow,
    Split,
    frame_key,
)
from services.curation.rounds.comparison import FrameComparison, compare_frames, is_predicted
from services.curation.rounds.outcomes import FrameOutcome, MatchRule, check_comparable
from services.curation.rounds.rounds import (
    Evaluation,
    Round,
    RoundSummary,
    dataset_of,
    read_round,
    round_key,
    summarise_round,
)
from services.ledger.interface import Conflict, Transaction
from services.records.documents import StoredRecord, retry
from services.records.records import decode, encode
from sluice.errors import Aborted, FailedPrecondition, InvalidArgument
from sluice.names import RoundName

TAG: Final = "failure:"
"""Prefix of the tag of a round's failures; the round's id follows."""


async def mine_failures(
    curation: Curation, name: RoundName, split: Split, rule: MatchRule
) -> RoundSummary:
    """Measure the round's metric split, and tag the failures of `split`.

    Annotated frames count; in those without predictions every label was missed. A split without
    any predictions is left out: its evaluation is None. Raises FailedPrecondition if `split` is the
    metric split, whose metric would be biased by training on its failures, and Aborted if
    predictions are imported meanwhile.
    """
    rule.check()
    if not split:
        accepted = ", ".join(value for value in Split if value)
        raise InvalidArgument.of("split", f"required; expected one of {accepted}")
    dataset = await curation.others.datasets.get(dataset_of(name))
    check_comparable(dataset.task_type)
    stored = await read_round(curation, name)
    if split is stored.record.metric_split:
        raise FailedPrecondition(
            f"split: {split.value!r} is the metric split of {name}; mine failures of another split"
        )
    metric_split = stored.record.metric_split
    splits = [x for x in (split, metric_split) if await is_predicted(curation, name, x)]
    evaluations = {measured: Evaluation(split=measured) for measured in splits}
    async for page in compare_frames(curation, name, dataset, splits, rule):
        for frame in page:
            if frame.outcome is not None:
                measured = frame.summary.group.split
                evaluations[measured] = _add_outcome(
                    evaluations[measured], frame.outcome, predicted=frame.predicted
                )
        await _tag(curation, name, split, page)
    mined = structs.replace(
        stored.record, metric=evaluations.get(metric_split), mined=evaluations.get(split)
    )
    await _store(curation, name, stored, mined)
    return await summarise_round(curation, dataset_of(name), mined)


def _add_outcome(evaluation: Evaluation, outcome: FrameOutcome, *, predicted: bool) -> Evaluation:
    return structs.replace(
        evaluation,
        frames=evaluation.frames + 1,
        without_predictions=evaluation.without_predictions + (not predicted),
        right=evaluation.right + outcome.right,
        confused=evaluation.confused + outcome.confused,
        missed=evaluation.missed + outcome.missed,
        spurious=evaluation.spurious + outcome.spurious,
        ignored=evaluation.ignored + outcome.ignored,
        failed_frames=evaluation.failed_frames + bool(outcome.kinds),
    )


async def _tag(
    curation: Curation, name: RoundName, split: Split, page: list[FrameComparison]
) -> None:
    """Set the round's failures on frames of the mined split, and remove them from others."""
    kinds = {
        frame.summary.row.id: frame.outcome.kinds
        if frame.outcome and frame.summary.group.split is split
        else ()
        for frame in page
        if frame.outcome is not None or name.round in frame.summary.row.failures
    }
    if kinds:
        await retry(lambda: _commit(curation, name, kinds), name)


async def _commit(
    curation: Curation, name: RoundName, kinds: Mapping[str, tuple[FailureKind, ...]]
) -> None:
    ledger = curation.stores.ledger
    # A round that is deleted meanwhile must not tag frames any more.
    stored_round = await read_round(curation, name)
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in kinds}
    entries = await ledger.get(name.project, list(keys))
    rows = {key: decode(FrameRow, entry) for key, entry in entries.items()}
    changed = {key: with_failures(row, name.round, kinds[row.id]) for key, row in rows.items()}
    puts = {key: encode(row) for key, row in changed.items() if row != rows[key]}
    if puts:
        checks = {key: entries[key].revision for key in puts}
        checks[round_key(name)] = stored_round.revision
        await ledger.commit(Transaction(name.project, checks=checks, puts=puts))


def with_failures(row: FrameRow, round_id: str, kinds: tuple[FailureKind, ...]) -> FrameRow:
    """A row with the failures of a round, and its tag; without any, neither."""
    tag = TAG + round_id
    failures = dict(row.failures)
    failures.pop(round_id, None)
    tags = set(row.tags) - {tag}
    if kinds:
        failures[round_id] = kinds
        tags.add(tag)
    return structs.replace(row, failures=failures, tags=tuple(sorted(tags)))


async def _store(
    curation: Curation, name: RoundName, stored: StoredRecord[Round], mined: Round
) -> None:
    checks, puts = {round_key(name): stored.revision}, {round_key(name): encode(mined)}
    try:
        await curation.stores.ledger.commit(Transaction(name.project, checks=checks, puts=puts))
    except Conflict as conflict:
        problem = f"{name}: predictions were imported, or mined, meanwhile; mine it again"
        raise Aborted(problem) from conflict
