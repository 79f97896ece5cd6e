"""Creating rounds and importing predictions over gRPC."""

from __future__ import annotations

import pytest

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as frame_pb
from sluice.v1 import round_pb2 as pb
from tests.rpc.curation.api import DATASET, Api, box, frame, prediction, refusal

TRAIN, VALIDATION = frame_pb.SPLIT_TRAIN, frame_pb.SPLIT_VALIDATION


ANNOTATED = frame_pb.ANNOTATION_STATUS_ANNOTATED


async def labelled(api: Api) -> None:
    """Three annotated frames to mine, and one to report: each has a car at 0 and one at 50."""
    for split, ids in ((TRAIN, ("a", "b", "c")), (VALIDATION, ("v",))):
        frames = [frame(id, box(f"{id}1"), box(f"{id}2", left=50)) for id in ids]
        await api.append(*frames, status=ANNOTATED, split=split)


def crowd() -> pb.PredictedFrame.Prediction:
    """A prediction that claims to be a crowd."""
    predicted = prediction()
    predicted.label.crowd = True
    return predicted


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        ({"none": [prediction()]}, "frame 'none' is not one of projects/p/datasets/d"),
        (
            {"a": [prediction("bus")]},
            "label 'bus-0': class 'bus' is not in the dataset's class map",
        ),
        ({"a": [prediction()], "b": [crowd()]}, "frames[1].predictions[0].label.crowd: true"),
        ({"a": [prediction()], "none": []}, "frame 'none' is not one of projects/p/datasets/d"),
        ({"a": [crowd()]}, "frames[0].predictions[0].label.crowd: true (frame 'a'); only labels"),
        ({"a": [prediction(score=1.5)]}, "frames[0].predictions[0].score: 1.5 is not in 0…1"),
        ({}, "frames: 0 in one call"),
    ],
)
async def test_predictions_that_cannot_be_are_named(
    api: Api, predicted: dict[str, list[pb.PredictedFrame.Prediction]], message: str
) -> None:
    """What no label of the dataset could be is refused, and nothing is imported."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    error = await refusal(api.predict(round_, predicted))

    assert message in error.message
    stored = await api.rounds.GetRound(pb.GetRoundRequest(name=round_))
    assert 0 == stored.predicted_count


async def test_a_round_must_say_what_it_reports(api: Api) -> None:
    """A round without a metric split is refused; one that exists is ALREADY_EXISTS."""
    error = await refusal(api.round("r1", frame_pb.SPLIT_UNSPECIFIED))
    await api.round("r1", VALIDATION)
    twice = await refusal(api.round("r1", TRAIN))

    assert "round.metric_split: required" in error.message
    assert errors.AlreadyExists is type(twice)


async def test_rounds_are_listed_by_name(api: Api) -> None:
    """Pages list the rounds of a dataset by id, whatever the order of their creation."""
    for id in ("r2-b", "r1", "r2"):
        await api.round(id, VALIDATION)
    first = await api.rounds.ListRounds(pb.ListRoundsRequest(parent=DATASET, page_size=2))
    rest = await api.rounds.ListRounds(
        pb.ListRoundsRequest(parent=DATASET, page_size=2, page_token=first.next_page_token)
    )

    names = [item.name.rpartition("/")[2] for item in (*first.rounds, *rest.rounds)]
    assert ["r1", "r2", "r2-b"] == names
