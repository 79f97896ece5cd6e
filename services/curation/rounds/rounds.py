"""The rounds of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.records import Split
from services.curation.resource_deletion import ROUND, check_not_deleted, tombstone_key
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, read_record, read_records
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.records import Record, encode, key, now_us, prefix
from sluice.checks import check_text
from sluice.errors import AlreadyExists, InvalidArgument
from sluice.names import DatasetName, RoundName, check_resource_id


class Evaluation(Record, frozen=True, kw_only=True):
    """How the predictions of a split compare with its labels.

    `frames` are all annotated frames, `without_predictions` those of them in which every label
    was missed because the round has no predictions.
    """

    split: Split
    frames: int = 0
    without_predictions: int = 0
    right: int = 0
    confused: int = 0
    missed: int = 0
    spurious: int = 0
    ignored: int = 0
    failed_frames: int = 0


class Round(Record, frozen=True, kw_only=True):
    """A round; `metric` evaluates its metric split, `mined` the split that was mined last.

    Both are None where no annotated frame of the split has predictions.
    """

    id: str
    display_name: str
    metric_split: Split
    metric: Evaluation | None = None
    mined: Evaluation | None = None
    created_us: int


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """A round, and the number of frames with predictions in it."""

    round: Round
    predicted_count: int


async def create_round(
    curation: Curation,
    request: IdempotentRequest,
    name: RoundName,
    display_name: str,
    metric_split: Split,
) -> RoundSummary:
    """Create a round; its display name defaults to its id. AlreadyExists if the name is taken."""
    check_resource_id(name.round, "round_id")
    check_text("round.display_name", display_name, empty=True)
    if not metric_split:
        accepted = ", ".join(split for split in Split if split)
        raise InvalidArgument.of("round.metric_split", f"required; expected one of {accepted}")
    await curation.others.datasets.get(dataset_of(name))
    ledger = curation.stores.ledger
    first = await find_response(ledger, name.project, request, Round)
    record = first or Round(
        id=name.round,
        display_name=display_name or name.round,
        metric_split=metric_split,
        created_us=now_us(),
    )
    if first is None:
        tombstone = tombstone_key(ROUND, name.dataset, name.round)
        await check_not_deleted(ledger, name.project, tombstone, "round_id")
        checks = {round_key(name): ABSENT, tombstone: ABSENT}
        puts = {round_key(name): encode(record)}
        creation = Transaction(name.project, checks=checks, puts=puts)
        try:
            record = await commit_once(ledger, creation, request, record)
        except Conflict as conflict:
            raise AlreadyExists(f"round_id: {name} exists already") from conflict
    return RoundSummary(record, 0)


async def get_round(curation: Curation, name: RoundName) -> RoundSummary:
    """A round; NotFound naming it if there is none."""
    stored = await read_round(curation, name)
    return await summarise_round(curation, dataset_of(name), stored.record)


async def read_round(curation: Curation, name: RoundName) -> StoredRecord[Round]:
    """A round and its revision; NotFound naming it if there is none."""
    return await read_record(curation.stores.ledger, name.project, round_key(name), Round, name)


async def list_rounds(
    curation: Curation, name: DatasetName, page: Page
) -> tuple[list[RoundSummary], str]:
    """A page of the rounds of a dataset, sorted by id, and the token of the next page."""
    await curation.others.datasets.get(name)
    below = prefix("round", name.dataset)
    records, token = await read_records(curation.stores.ledger, name.project, below, Round, page)
    return [await summarise_round(curation, name, record) for record in records], token


async def summarise_round(curation: Curation, name: DatasetName, record: Round) -> RoundSummary:
    """A round with the number of frames that have predictions in it."""
    counter = predicted_counter(name.dataset, record.id)
    counts = await curation.stores.ledger.counters(name.project, [counter])
    return RoundSummary(record, counts[counter])


def dataset_of(name: RoundName) -> DatasetName:
    """The dataset of a round."""
    return DatasetName(name.project, name.dataset)


def round_key(name: RoundName) -> str:
    """Key of a round."""
    return key("round", name.dataset, name.round)


def prediction_key(name: RoundName, frame_id: str) -> str:
    """Key of the predictions of a frame."""
    return key("prediction", name.dataset, name.round, frame_id)


def predicted_counter(dataset: str, round_id: str) -> str:
    """Counter of the frames with predictions in a round."""
    return key("predicted", dataset, round_id)
