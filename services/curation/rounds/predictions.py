"""The predictions of a round's model, by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.frames import check_frames_exist, read_summaries
from services.curation.datasets.updates import check_ids
from services.curation.rounds.rounds import (
    Round,
    dataset_of,
    predicted_counter,
    prediction_key,
    read_round,
    round_key,
)
from services.ledger.interface import ABSENT, Add, Transaction
from services.peers.datasets import Dataset
from services.records.documents import StoredRecord, retry
from services.records.records import Record, decode, encode
from sluice.errors import FieldViolation, InvalidArgument
from sluice.frames import Frame
from sluice.labels import Label
from sluice.names import RoundName


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """A predicted label and its score, 0…1."""

    label: Label
    score: float


@dataclass(frozen=True, slots=True)
class FramePredictions:
    """All predictions of one frame."""

    frame_id: str
    predictions: tuple[ScoredLabel, ...] = ()


class StoredPredictions(Record, frozen=True, kw_only=True):
    """The predictions of a frame: the labels as those of a `Frame`, and a score for each."""

    frame: bytes
    scores: tuple[float, ...] = ()

    def read(self) -> FramePredictions:
        """The predictions."""
        frame = Frame.from_bytes(self.frame)
        pairs = zip(frame.labels, self.scores, strict=True)
        return FramePredictions(
            frame.id, tuple(ScoredLabel(label, score) for label, score in pairs)
        )


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How many frames of one call were added, replaced and left unchanged."""

    added_count: int
    replaced_count: int
    unchanged_count: int


async def import_predictions(
    curation: Curation, name: RoundName, frames: Sequence[FramePredictions]
) -> ImportCounts:
    """Store predictions, all or none; existing predictions of a frame are replaced.

    Raises NotFound naming a frame that is not in the dataset, and InvalidArgument naming a
    prediction that does not fit the dataset.
    """
    check_ids("frames", [frame.frame_id for frame in frames])
    dataset = await curation.others.datasets.get(dataset_of(name))
    stored = {
        frame.frame_id: _to_record(index, frame, dataset) for index, frame in enumerate(frames)
    }
    ids = list(stored)

    async def attempt() -> ImportCounts:
        ledger = curation.stores.ledger
        deletions = await TOMBSTONES.read(ledger, name.project, [])
        summaries = await read_summaries(ledger, dataset_of(name), ids)
        check_frames_exist(dataset_of(name), ids, summaries)
        stored_round = await read_round(curation, name)
        return await _commit(curation, name, stored_round, stored, deletions.checks)

    return await retry(attempt, name)


async def read_predictions(
    curation: Curation, name: RoundName, frame_ids: Sequence[str]
) -> dict[str, FramePredictions]:
    """The predictions of frames, by frame id; frames without any are left out."""
    keys = [prediction_key(name, frame_id) for frame_id in frame_ids]
    entries = await curation.stores.ledger.get(name.project, keys)
    read = [decode(StoredPredictions, entry).read() for entry in entries.values()]
    return {frame.frame_id: frame for frame in read}


async def find_predicted(
    curation: Curation, name: RoundName, frame_ids: Sequence[str]
) -> list[str]:
    """Those of the frames that have predictions in the round."""
    keys = {prediction_key(name, frame_id): frame_id for frame_id in frame_ids}
    entries = await curation.stores.ledger.get(name.project, list(keys))
    return [frame_id for key, frame_id in keys.items() if key in entries]


async def _commit(
    curation: Curation,
    name: RoundName,
    stored_round: StoredRecord[Round],
    stored: dict[str, StoredPredictions],
    deletion_checks: Mapping[str, int],
) -> ImportCounts:
    keys = {prediction_key(name, frame_id): frame_id for frame_id in stored}
    entries = await curation.stores.ledger.get(name.project, list(keys))
    same = {
        key
        for key, entry in entries.items()
        if decode(StoredPredictions, entry) == stored[keys[key]]
    }
    changed = [key for key in keys if key not in same]
    added = sum(key not in entries for key in changed)
    if changed:
        checks = {w: e.revision if (e := entries.get(w)) else ABSENT for w in changed}
        checks |= deletion_checks
        puts = {key: encode(stored[keys[key]]) for key in changed}
        adds = {predicted_counter(name.dataset, name.round): Add(added)} if added else {}
        # The round is stored unchanged: its new revision tells concurrent measurements about it.
        checks[round_key(name)] = stored_round.revision
        puts[round_key(name)] = encode(stored_round.record)
        await curation.stores.ledger.commit(Transaction(name.project, checks, puts, adds=adds))
    return ImportCounts(added, len(changed) - added, len(same))


def _to_record(index: int, frame: FramePredictions, dataset: Dataset) -> StoredPredictions:
    for number, prediction in enumerate(frame.predictions):
        path = f"frames[{index}].predictions[{number}]"
        if not 0 <= prediction.score <= 1:
            raise InvalidArgument.of(f"{path}.score", f"{prediction.score} is not in 0…1")
        if prediction.label.crowd:
            problem = f"true (frame {frame.frame_id!r}); only labels can be crowds"
            raise InvalidArgument.of(f"{path}.label.crowd", problem)
        if problem := dataset.describe_mismatch(prediction.label):
            raise InvalidArgument(
                f"{path}.label (frame {frame.frame_id!r}): {problem}",
                reason="LABEL_MISMATCH",
                fields=[FieldViolation(f"{path}.label", problem)],
                metadata={"frame_id": frame.frame_id, "label_id": prediction.label.id},
            )
    labels = tuple(prediction.label for prediction in frame.predictions)
    predicted = Frame(id=frame.frame_id, labels=labels)
    predicted.check(f"frames[{index}]")
    scores = tuple(prediction.score for prediction in frame.predictions)
    return StoredPredictions(frame=predicted.to_bytes(), scores=scores)
