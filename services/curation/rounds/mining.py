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
from services.curation.rounds.comparison import FrameComparison, compare_frames
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
"""What the tag of a round's failures starts with; its id follows."""


async def mine_failures(
    curation: Curation, name: RoundName, split: Split, rule: MatchRule
) -> RoundSummary:
    """Measure the split whose metric is reported, and tag the failures of another one.

    Frames count that are annotated and have predictions. Raises FailedPrecondition naming the
    split when it is the one that is reported: who selects by failures of it has no metric left;
    and Aborted when predictions come meanwhile.
    """
    rule.check()
    if not split:
        accepted = ", ".join(each for each in Split if each)
        raise InvalidArgument.of("split", f"is not given; one of {accepted} is needed")
    dataset = await curation.others.datasets.get(dataset_of(name))
    check_comparable(dataset.task_type)
    found = await read_round(curation, name)
    if split is found.record.metric_split:
        raise FailedPrecondition(
            f"split: {split.value!r} is the one whose metric {name} reports; mine its failures "
            "from another split"
        )
    evaluations = {each: Evaluation(split=each) for each in (split, found.record.metric_split)}
    async for page in compare_frames(curation, name, dataset, (evaluations, rule)):
        for each in page:
            if each.outcome is not None:
                where = each.known.group.split
                evaluations[where] = _with(evaluations[where], each.outcome)
        await _tag(curation, name, split, page)
    mined = structs.replace(
        found.record,
        metric=evaluations[found.record.metric_split],
        mined=evaluations[split],
    )
    await _store(curation, name, found, mined)
    return await summarise_round(curation, dataset_of(name), mined)


def _with(evaluation: Evaluation, outcome: FrameOutcome) -> Evaluation:
    return structs.replace(
        evaluation,
        frames=evaluation.frames + 1,
        right=evaluation.right + outcome.right,
        confused=evaluation.confused + outcome.confused,
        missed=evaluation.missed + outcome.missed,
        spurious=evaluation.spurious + outcome.spurious,
        failed_frames=evaluation.failed_frames + bool(outcome.kinds),
    )


async def _tag(
    curation: Curation, name: RoundName, split: Split, page: list[FrameComparison]
) -> None:
    """Give frames of the mined split their failures of this round, and take those of others."""
    kinds = {
        each.known.row.id: each.outcome.kinds
        if each.outcome and each.known.group.split is split
        else ()
        for each in page
        if each.outcome is not None or name.round in each.known.row.failures
    }
    if kinds:
        await retry(lambda: _commit(curation, name, kinds), name)


async def _commit(
    curation: Curation, name: RoundName, kinds: Mapping[str, tuple[FailureKind, ...]]
) -> None:
    ledger = curation.stores.ledger
    keys = {frame_key(name.dataset, frame_id): frame_id for frame_id in kinds}
    entries = await ledger.get(name.project, list(keys))
    rows = {where: decode(FrameRow, entry) for where, entry in entries.items()}
    tagged = {where: _tagged(row, name.round, kinds[row.id]) for where, row in rows.items()}
    puts = {where: encode(row) for where, row in tagged.items() if row != rows[where]}
    if puts:
        checks = {where: entries[where].revision for where in puts}
        await ledger.commit(Transaction(name.project, checks=checks, puts=puts))


def _tagged(row: FrameRow, round_id: str, kinds: tuple[FailureKind, ...]) -> FrameRow:
    tag = TAG + round_id
    failures = {other: known for other, known in row.failures.items() if other != round_id}
    tags = set(row.tags) - {tag}
    if kinds:
        failures[round_id] = kinds
        tags.add(tag)
    return structs.replace(row, failures=failures, tags=tuple(sorted(tags)))


async def _store(
    curation: Curation, name: RoundName, found: StoredRecord[Round], mined: Round
) -> None:
    checks, puts = {round_key(name): found.revision}, {round_key(name): encode(mined)}
    try:
        await curation.stores.ledger.commit(Transaction(name.project, checks=checks, puts=puts))
    except Conflict as conflict:
        problem = f"{name}: predictions came, or it was mined, meanwhile; mine it again"
        raise Aborted(problem) from conflict
