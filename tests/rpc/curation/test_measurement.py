"""Rounds that progress measures itself, from the predictions that RoundService has."""

from __future__ import annotations

from typing import Any

import pytest

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as frame_pb
from sluice.v1 import frame_pb2, round_pb2
from sluice.v1 import progress_pb2 as pb
from tests.rpc.curation.api import DATASET, Api, box, frame, prediction, refusal

TRAIN, VALIDATION = frame_pb.SPLIT_TRAIN, frame_pb.SPLIT_VALIDATION
ANNOTATED, REVIEWED = frame_pb.ANNOTATION_STATUS_ANNOTATED, frame_pb.ANNOTATION_STATUS_REVIEWED
ROUND = f"{DATASET}/rounds/r1"


async def labelled(api: Api) -> None:
    """Four validation frames with two cars each, one with nothing; two groups to train on."""
    two = {id: [box(f"{id}1"), box(f"{id}2", left=50)] for id in "abcd"}
    frames = [frame(id, *boxes) for id, boxes in two.items()]
    await api.append(*frames, frame("e"), status=ANNOTATED, split=VALIDATION)
    await api.append("t", status=REVIEWED, split=TRAIN)
    await api.append("u", status=ANNOTATED)
    await api.append("w", "x")
    await api.round("r1", VALIDATION)
    await api.predict(
        ROUND,
        {
            "a": [prediction(), prediction(left=50)],
            "b": [prediction(), prediction("tram", left=50)],
            "c": [prediction(), prediction(left=90, score=0.3)],
            "e": [],
            "t": [prediction()],
        },
    )


async def record(api: Api, number: int = 1, **fields: Any) -> pb.RecordRoundResponse:
    """Record a round as it is measured, if nothing else is said."""
    request = pb.RecordRoundRequest(dataset=DATASET, round=number, measured_round=ROUND)
    request.MergeFrom(pb.RecordRoundRequest(**fields))
    return await api.progress.RecordRound(request)


async def digest(api: Api, **fields: Any) -> str:
    """The digest that the same round has in another dataset, where its samples are sent."""
    other = await api.dataset("other")
    request = pb.RecordRoundRequest(dataset=other, round=1, **fields)
    return (await api.progress.RecordRound(request)).round.digest


async def test_images_are_measured_by_their_own_f1(api: Api) -> None:
    """Annotated frames of the reported split count, those without predictions as missed."""
    await labelled(api)
    recorded = (await record(api)).round

    # c misses one and has one too many; d has no predictions, and t is for training.
    values = {"a": 1.0, "b": 0.5, "c": 0.5, "d": 0.0, "e": 1.0}
    sent = {"sample_ids": values, "values": values.values()}
    assert await digest(api, labelled_groups=2, **sent) == recorded.digest
    assert (5, 0.6, False) == (recorded.sample_count, recorded.mean, recorded.with_predictions)
    assert 1 == recorded.samples_without_predictions
    assert pb.MeasuredFrom(round=ROUND, iou_min=0.5) == recorded.measured_from
    mined = await api.mine(ROUND, TRAIN)
    assert recorded.sample_count == mined.metric.frames


async def test_classes_are_right_or_wrong(api: Api) -> None:
    """Of a classification the predicted class is kept, and values are 1 and 0."""
    name = await api.dataset("classes", frame_pb2.TASK_TYPE_CLASSIFICATION_2D)

    def classification(class_name: str, id: str) -> frame_pb2.Label:
        shape = frame_pb2.Classification2D()
        return frame_pb2.Label(id=id, class_name=class_name, classification_2d=shape)

    frames = [frame(id, classification("car", id)) for id in "abc"]
    await api.append(*frames, dataset=name, status=ANNOTATED, split=VALIDATION)
    request = round_pb2.CreateRoundRequest(
        parent=name, round_id="r", round=round_pb2.Round(metric_split=VALIDATION)
    )
    round_ = (await api.rounds.CreateRound(request)).name
    kind = round_pb2.PredictedFrame.Prediction
    sure, unsure = (
        kind(label=classification("car", "l"), score=0.9),
        kind(label=classification("tram", "m"), score=0.4),
    )
    await api.predict(round_, {"a": [unsure, sure], "b": [unsure], "c": []})
    recording = pb.RecordRoundRequest(
        dataset=name, round=1, measured_round=round_, labelled_groups=7
    )
    recorded = (await api.progress.RecordRound(recording)).round

    sent = {"sample_ids": "abc", "values": [1, 0, 0], "predictions": ["car", "tram", ""]}
    assert await digest(api, labelled_groups=7, **sent) == recorded.digest


async def test_the_rule_is_that_of_mining(api: Api) -> None:
    """What boxes must overlap by and how sure predictions must be decides, and is kept."""
    await labelled(api)
    unsure = (await record(api, score_min=0.5, iou_min=0.6)).round

    assert (0.6, 0.5) == (unsure.measured_from.iou_min, unsure.measured_from.score_min)
    assert pytest.approx((1 + 0.5 + 2 / 3 + 0 + 1) / 5) == unsure.mean


async def test_groups_are_counted_where_they_are_not_said(api: Api) -> None:
    """Labelled groups that are not held out are counted; a number in the request overrides it."""
    await labelled(api)
    counted, given = await record(api), await record(api, 2, labelled_groups=70)

    assert (2, 70) == (counted.round.labelled_groups, given.round.labelled_groups)


async def test_nothing_labelled_is_said(api: Api) -> None:
    """Where all that has labels is held out, the number cannot be counted."""
    await api.append(frame("a", box("a1")), status=ANNOTATED, split=VALIDATION)
    await api.round("r1", VALIDATION)
    error = await refusal(record(api))

    assert errors.FailedPrecondition is type(error)
    assert error.message.startswith(f"labelled_groups: {DATASET} has no labelled group")


async def test_views_become_slices(api: Api) -> None:
    """Each has the samples that its view shows at that moment, in their order."""
    await labelled(api)
    tag = frame_pb.TagFramesRequest(dataset=DATASET, frame_ids=["c", "a", "d", "t"], add=["fog"])
    await api.frames.TagFrames(tag)
    for id, frame_filter in {
        "fog": frame_pb.FrameFilter(tags=["fog"]),
        "val": frame_pb.FrameFilter(splits=[VALIDATION]),
    }.items():
        view = frame_pb.View(filter=frame_filter, display_name=f"All {id}")
        request = frame_pb.CreateViewRequest(parent=DATASET, view_id=id, view=view)
        await api.frames.CreateView(request)
    recorded = (await record(api, slice_views=["val", "fog"])).round

    expected = {"val": [0, 1, 2, 3, 4], "fog": [0, 2, 3]}
    slices = [pb.SampleSlice(name=name, samples=rows) for name, rows in expected.items()]
    sent = {"sample_ids": "abcde", "values": [1, 0.5, 0.5, 0, 1], "slices": slices}
    assert list(expected) == recorded.slices
    assert await digest(api, labelled_groups=2, **sent) == recorded.digest


async def test_a_slice_of_nothing_is_refused(api: Api) -> None:
    """A view without any of the samples is named, and so is a missing one."""
    await labelled(api)
    view = frame_pb.View(filter=frame_pb.FrameFilter(tags=["fog"]))
    request = frame_pb.CreateViewRequest(parent=DATASET, view_id="fog", view=view)
    await api.frames.CreateView(request)
    empty = await refusal(record(api, slice_views=["fog"]))
    missing = await refusal(record(api, slice_views=["rain"]))

    assert "slice_views[0]: view 'fog' contains none of the 5 samples" == empty.message
    assert errors.FailedPrecondition is type(empty)
    assert f"{DATASET}/views/rain does not exist" == missing.message
    assert not (await api.progress.ListRecordedRounds(listing())).rounds


def listing() -> pb.ListRecordedRoundsRequest:
    """A request for the recorded rounds."""
    return pb.ListRecordedRoundsRequest(parent=DATASET)


async def test_what_was_measured_stays(api: Api) -> None:
    """The same request is the same round, whatever has come since; another one is refused."""
    await labelled(api)
    failures = [pb.JudgedFailure(label="car", first="car", second="tram")]
    recorded = await record(api, failures=failures)
    await api.predict(ROUND, {"b": [prediction()], "d": [prediction()]})
    await api.append("y", status=ANNOTATED)
    again = await record(api, failures=failures)

    assert (True, False, recorded.round) == (recorded.added, again.added, again.round)
    others: list[dict[str, Any]] = [{}, {"failures": failures, "labelled_groups": 3}]
    for fields in others:
        error = await refusal(record(api, **fields))
        assert errors.AlreadyExists is type(error)
    assert [recorded.round] == list((await api.progress.ListRecordedRounds(listing())).rounds)
    assert 0.6 < (await record(api, 2)).round.mean


async def test_measured_is_not_sent(api: Api) -> None:
    """Samples of the same content that were sent are another round, either way round."""
    await labelled(api)
    sent = pb.RecordRoundRequest(
        dataset=DATASET, labelled_groups=2, sample_ids="abcde", values=[1, 0.5, 0.5, 0, 1]
    )
    await record(api)
    sent.round = 1
    assert errors.AlreadyExists is type(await refusal(api.progress.RecordRound(sent)))
    sent.round = 2
    await api.progress.RecordRound(sent)
    assert errors.AlreadyExists is type(await refusal(record(api, 2)))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"sample_ids": ["a"]}, "sample_ids"),
        ({"values": [1]}, "values"),
        ({"predictions": ["car"]}, "predictions"),
        ({"slices": [pb.SampleSlice(name="n")]}, "slices"),
        ({"measured_round": "projects/p/datasets/other/rounds/r1"}, "measured_round"),
        ({"measured_round": DATASET}, "measured_round"),
        ({"iou_min": 0.0}, "iou_min"),
        ({"score_min": 2.0}, "score_min"),
        ({"slice_views": ["v", "v"]}, "slice_views"),
        ({"slice_views": [""]}, "slice_views[0]"),
        ({"slice_views": map(str, range(65))}, "slice_views"),
        ({"failures": [pb.JudgedFailure(first="x" * 257)]}, "failures[0].first"),
    ],
)
async def test_what_contradicts_is_named(api: Api, fields: dict[str, Any], named: str) -> None:
    """A field that says other than the measured round, or nothing that can be, is refused."""
    await labelled(api)
    error = await refusal(record(api, **fields))

    assert (errors.InvalidArgument, named) == (type(error), error.fields[0].field)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"iou_min": 0.5}, "iou_min"),
        ({"score_min": 0.5}, "score_min"),
        ({"slice_views": ["v"]}, "slice_views"),
    ],
)
async def test_sent_samples_have_no_rule(api: Api, fields: dict[str, Any], named: str) -> None:
    """What says how to measure is refused where nothing is measured."""
    request = pb.RecordRoundRequest(
        dataset=DATASET, round=1, labelled_groups=1, sample_ids=["a"], values=[1], **fields
    )
    error = await refusal(api.progress.RecordRound(request))

    assert (errors.InvalidArgument, named) == (type(error), error.fields[0].field)


async def test_a_round_without_predictions_is_refused(api: Api) -> None:
    """Where nothing can be measured, what is missing is said."""
    await api.append("t", status=ANNOTATED)
    await api.round("r1", VALIDATION)
    error = await refusal(record(api))
    missing = await refusal(record(api, measured_round=f"{DATASET}/rounds/r2"))

    assert errors.FailedPrecondition is type(error)
    assert (
        f"measured_round: no frame of split 'validation' of {DATASET} is annotated and has "
        f"predictions in {ROUND}" == error.message
    )
    assert (errors.NotFound, f"{DATASET}/rounds/r2 does not exist") == (
        type(missing),
        missing.message,
    )


async def test_too_many_frames_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of samples is that of a round whose samples are sent."""
    await labelled(api)
    monkeypatch.setattr("services.curation.progress.measurement.SAMPLES_MAX", 3)
    error = await refusal(record(api))

    assert ("TOO_LARGE", {"limit": "3"}) == (error.reason, error.metadata)
    assert "measured_round" == error.fields[0].field


async def test_progress_says_how_far_labelling_is(api: Api) -> None:
    """Groups are held out, or one of the pool by their status; all at every move."""

    async def labelling() -> pb.LabellingProgress:
        request = pb.GetProgressRequest(dataset=DATASET)
        return (await api.progress.GetProgress(request)).labelling

    assert pb.LabellingProgress() == await labelling()
    await labelled(api)
    expected = pb.LabellingProgress(held_out=5, unlabelled=2, annotated=1, reviewed=1)
    assert expected == await labelling()

    selected = frame_pb.ANNOTATION_STATUS_SELECTED
    move = frame_pb.SetStatusRequest(dataset=DATASET, groups=["w"], status=selected)
    await api.frames.SetStatus(move)
    back = frame_pb.SetStatusRequest(
        dataset=DATASET, groups=["a"], status=selected, allow_backward=True
    )
    await api.frames.SetStatus(back)
    expected = pb.LabellingProgress(held_out=5, unlabelled=1, selected=1, annotated=1, reviewed=1)
    assert expected == await labelling()

    share = frame_pb.AssignSplitsRequest.Share(split=frame_pb.SPLIT_GOLDEN, share=1)
    await api.frames.AssignSplits(frame_pb.AssignSplitsRequest(dataset=DATASET, shares=[share]))
    assert pb.LabellingProgress(held_out=8, reviewed=1) == await labelling()
