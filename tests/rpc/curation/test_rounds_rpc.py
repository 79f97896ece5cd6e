"""RoundService over gRPC: predictions, metrics, and failures by name of round."""

from __future__ import annotations

import pytest

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as frame_pb
from sluice.v1 import frame_pb2
from sluice.v1 import round_pb2 as pb
from tests.rpc.curation.api import DATASET, Api, box, frame, prediction, refusal

TRAIN, VALIDATION = frame_pb.SPLIT_TRAIN, frame_pb.SPLIT_VALIDATION
ANNOTATED = frame_pb.ANNOTATION_STATUS_ANNOTATED
MISSED = frame_pb.FAILURE_KIND_MISSED
CONFUSED, SPURIOUS = frame_pb.FAILURE_KIND_CONFUSED, frame_pb.FAILURE_KIND_SPURIOUS


async def labelled(api: Api) -> None:
    """Three annotated frames to mine, and one to report: each has a car at 0 and one at 50."""
    for split, ids in ((TRAIN, ("a", "b", "c")), (VALIDATION, ("v",))):
        frames = [frame(id, box(f"{id}1"), box(f"{id}2", left=50)) for id in ids]
        await api.append(*frames, status=ANNOTATED, split=split)


async def mine(api: Api, round_: str, split: frame_pb.Split = TRAIN, **rule: float) -> pb.Round:
    """Mine the failures of a split."""
    request = pb.MineFailuresRequest(round=round_, split=split)
    request.MergeFrom(pb.MineFailuresRequest(**rule))  # type: ignore[arg-type]
    return await api.rounds.MineFailures(request)


async def test_failures_are_mined_and_tagged(api: Api) -> None:
    """A round measures the reported split, and names what went wrong in each frame of another."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    await api.predict(
        round_,
        {
            "a": [prediction(), prediction(left=50)],
            "b": [prediction("tram"), prediction(left=52)],
            "c": [prediction(), prediction(left=90)],
            "v": [prediction()],
        },
    )
    mined = await mine(api, round_)

    assert (
        pb.Evaluation(
            split=TRAIN, frames=3, right=4, confused=1, missed=1, spurious=1, failed_frames=2
        )
        == mined.mined
    )
    assert (
        pb.Evaluation(split=VALIDATION, frames=1, right=1, missed=1, failed_frames=1)
        == mined.metric
    )
    assert mined == await api.rounds.GetRound(pb.GetRoundRequest(name=round_))
    failures = {id: list((await api.get(id)).failures) for id in "abcv"}
    assert {
        "a": [],
        "b": [frame_pb.Failure(round="r1", kinds=[CONFUSED])],
        "c": [frame_pb.Failure(round="r1", kinds=[MISSED, SPURIOUS])],
        "v": [],
    } == failures
    assert ["failure:r1"] == (await api.get("b")).tags
    passing = frame_pb.FrameFilter(round="r1", failure_kinds=[MISSED])
    assert ["c"] == await api.list(filter=passing)


async def test_the_reported_split_is_never_mined(api: Api) -> None:
    """Failures of the split whose metric is reported are refused, by its name and the round's."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    error = await refusal(mine(api, round_, VALIDATION))

    assert errors.FailedPrecondition is type(error)
    assert (
        f"split: 'validation' is the metric split of {round_}; mine failures of another split"
        == error.message
    )


async def test_mining_again_takes_back_what_is_mended(api: Api) -> None:
    """Better predictions take the tags of a round away, those of other rounds stay."""
    await labelled(api)
    rounds = [await api.round(id, VALIDATION) for id in ("r1", "r2")]
    for round_ in rounds:
        await api.predict(round_, {"a": [prediction()]})
        await mine(api, round_)
    both = (await api.get("a")).tags
    counts = await api.predict(rounds[0], {"a": [prediction(), prediction(left=50)]})
    await mine(api, rounds[0])

    assert ["failure:r1", "failure:r2"] == both
    assert (0, 1, 0) == counts
    assert ["failure:r2"] == (await api.get("a")).tags
    found = await api.rounds.GetRound(pb.GetRoundRequest(name=rounds[0]))
    assert (1, 0) == (found.predicted_count, found.mined.failed_frames)


async def test_what_counts_no_more_is_no_failure(api: Api) -> None:
    """A frame whose labels are doubted again loses the failures that it had by them."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    await api.predict(round_, {"a": [prediction()], "b": [prediction()]})
    await mine(api, round_)
    await api.frames.SetStatus(
        frame_pb.SetStatusRequest(
            dataset=DATASET,
            groups=["a"],
            status=frame_pb.ANNOTATION_STATUS_SELECTED,
            allow_backward=True,
        )
    )
    await mine(api, round_)

    assert [[], ["failure:r1"]] == [(await api.get(id)).tags for id in "ab"]


async def test_only_what_is_sure_and_annotated_counts(api: Api) -> None:
    """Unsure predictions are none, and a frame that nobody has labelled is left out."""
    await labelled(api)
    await api.append(frame("d", box("d1")), split=TRAIN)
    round_ = await api.round("r1", VALIDATION)
    unsure = prediction(left=50, score=0.3)
    await api.predict(round_, {id: [prediction(), unsure] for id in ("a", "d")})

    assert (1, 2, 0) == _outcomes(await mine(api, round_))
    assert (1, 1, 1) == _outcomes(await mine(api, round_, score_min=0.5))
    assert (1, 0, 2) == _outcomes(await mine(api, round_, score_min=0.95))


def _outcomes(mined: pb.Round) -> tuple[int, int, int]:
    return mined.mined.frames, mined.mined.right, mined.mined.missed


async def test_classes_are_compared_as_they_are(api: Api) -> None:
    """In a classification the surest prediction is right, or confused."""
    name = await api.dataset("classes", frame_pb2.TASK_TYPE_CLASSIFICATION_2D)

    def said(class_name: str, id: str = "l") -> frame_pb2.Label:
        shape = frame_pb2.Classification2D()
        return frame_pb2.Label(id=id, class_name=class_name, classification_2d=shape)

    frames = [frame("a", said("car", "a1")), frame("b", said("car", "b1"))]
    await api.append(*frames, dataset=name, status=ANNOTATED, split=TRAIN)
    request = pb.CreateRoundRequest(
        parent=name, round_id="r", round=pb.Round(metric_split=VALIDATION)
    )
    round_ = (await api.rounds.CreateRound(request)).name
    kind = pb.PredictedFrame.Prediction
    sure, unsure = kind(label=said("car"), score=0.9), kind(label=said("tram", "m"), score=0.4)
    await api.predict(round_, {"a": [unsure, sure], "b": [unsure]})
    mined = (await mine(api, round_)).mined

    assert (2, 1, 1, 1) == (mined.frames, mined.right, mined.confused, mined.failed_frames)


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        ({"none": [prediction()]}, "frame 'none' is not one of projects/p/datasets/d"),
        (
            {"a": [prediction("bus")]},
            "label 'bus-0': class 'bus' is not in the dataset's class",
        ),
        ({"a": [prediction(score=1.5)]}, "frames[0].predictions[0].score: 1.5 is not in 0…1"),
        ({}, "frames: 0 in one call"),
    ],
)
async def test_predictions_that_cannot_be_are_named(
    api: Api, predicted: dict[str, list[pb.PredictedFrame.Prediction]], said: str
) -> None:
    """What no label of the dataset could be is refused, and nothing is imported."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    error = await refusal(api.predict(round_, predicted))

    assert said in error.message
    found = await api.rounds.GetRound(pb.GetRoundRequest(name=round_))
    assert 0 == found.predicted_count


async def test_a_round_must_say_what_it_reports(api: Api) -> None:
    """A round without a metric split is refused; one that exists is ALREADY_EXISTS."""
    error = await refusal(api.round("r1", frame_pb.SPLIT_UNSPECIFIED))
    await api.round("r1", VALIDATION)
    twice = await refusal(api.round("r1", TRAIN))

    assert "round.metric_split: required" in error.message
    assert errors.AlreadyExists is type(twice)
