"""RoundService over gRPC: predictions, metrics, and failures by name of round."""

from __future__ import annotations

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
    """Mining the metric split is refused, naming the split and the round."""
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
    round_after = await api.rounds.GetRound(pb.GetRoundRequest(name=rounds[0]))
    assert (1, 2) == (round_after.predicted_count, round_after.mined.failed_frames)


async def test_frames_without_predictions_are_missed(api: Api) -> None:
    """Models leave out frames in which they detect nothing: their labels count as missed."""
    await labelled(api)
    await api.append(frame("e"), status=ANNOTATED, split=TRAIN)
    round_ = await api.round("r1", VALIDATION)
    await api.predict(round_, {"a": [prediction(), prediction(left=50)]})
    mined = (await mine(api, round_)).mined

    assert (
        pb.Evaluation(
            split=TRAIN,
            frames=4,
            right=2,
            missed=4,
            failed_frames=2,
            frames_without_predictions=3,
        )
        == mined
    )
    assert [frame_pb.Failure(round="r1", kinds=[MISSED])] == list((await api.get("b")).failures)
    assert [] == (await api.get("e")).tags


async def test_a_split_without_predictions_is_not_mined(api: Api) -> None:
    """A model that was not run on a split did not fail there: its evaluation stays unset."""
    await labelled(api)
    round_ = await api.round("r1", VALIDATION)
    nothing = await mine(api, round_)
    tags = list((await api.get("a")).tags)
    await api.predict(round_, {"a": []})
    train = await mine(api, round_)

    assert ([], False, False) == (tags, nothing.HasField("metric"), nothing.HasField("mined"))
    assert (False, True) == (train.HasField("metric"), train.HasField("mined"))


async def test_crowds_absorb_predictions(api: Api) -> None:
    """Predictions in a crowd are counted as ignored, and the crowd is not a failure."""
    crowd = box("crowd", left=100, size=50)
    crowd.crowd = True
    await api.append(frame("a", box("a1"), crowd), status=ANNOTATED, split=TRAIN)
    round_ = await api.round("r1", VALIDATION)
    await api.predict(round_, {"a": [prediction(left=left) for left in (0, 110, 130)]})
    mined = (await mine(api, round_)).mined

    assert pb.Evaluation(split=TRAIN, frames=1, right=1, ignored=2) == mined
    assert (await api.get("a")).frame.labels[1].crowd


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

    assert [[], ["failure:r1"], ["failure:r1"]] == [(await api.get(id)).tags for id in "abc"]


async def test_only_what_is_sure_and_annotated_counts(api: Api) -> None:
    """Unsure predictions are none, and a frame that nobody has labelled is left out."""
    await labelled(api)
    await api.append(frame("d", box("d1")), split=TRAIN)
    round_ = await api.round("r1", VALIDATION)
    unsure = prediction(left=50, score=0.3)
    await api.predict(round_, {id: [prediction(), unsure] for id in ("a", "d")})

    assert (3, 2, 4) == _outcomes(await mine(api, round_))
    assert (3, 1, 5) == _outcomes(await mine(api, round_, score_min=0.5))
    assert (3, 0, 6) == _outcomes(await mine(api, round_, score_min=0.95))


def _outcomes(mined: pb.Round) -> tuple[int, int, int]:
    return mined.mined.frames, mined.mined.right, mined.mined.missed


async def test_classes_are_compared_as_they_are(api: Api) -> None:
    """In a classification the surest prediction is right, or confused."""
    name = await api.dataset("classes", frame_pb2.TASK_TYPE_CLASSIFICATION_2D)

    def classification(class_name: str, id: str = "l") -> frame_pb2.Label:
        shape = frame_pb2.Classification2D()
        return frame_pb2.Label(id=id, class_name=class_name, classification_2d=shape)

    frames = [frame("a", classification("car", "a1")), frame("b", classification("car", "b1"))]
    await api.append(*frames, dataset=name, status=ANNOTATED, split=TRAIN)
    request = pb.CreateRoundRequest(
        parent=name, round_id="r", round=pb.Round(metric_split=VALIDATION)
    )
    round_ = (await api.rounds.CreateRound(request)).name
    kind = pb.PredictedFrame.Prediction
    sure, unsure = (
        kind(label=classification("car"), score=0.9),
        kind(label=classification("tram", "m"), score=0.4),
    )
    await api.predict(round_, {"a": [unsure, sure], "b": [unsure]})
    mined = (await mine(api, round_)).mined

    assert (2, 1, 1, 1) == (mined.frames, mined.right, mined.confused, mined.failed_frames)


async def test_failures_of_a_frame_are_by_round(api: Api) -> None:
    """A frame lists its failures by the rounds' ids, whichever round was mined first."""
    await labelled(api)
    for id in ("r2", "r1"):
        round_ = await api.round(id, VALIDATION)
        await api.predict(round_, {"a": []})
        await mine(api, round_)

    assert ["r1", "r2"] == [failure.round for failure in (await api.get("a")).failures]
