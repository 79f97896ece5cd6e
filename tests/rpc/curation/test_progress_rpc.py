"""Progress over gRPC: rounds are recorded once, and together give the advice."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import numpy as np
import pytest

from services.curation.intervals import wilson
from services.curation.progress import recorded_rounds
from sluice import errors
from sluice.v1 import golden_set_pb2
from sluice.v1 import progress_pb2 as pb
from tests.rpc.curation.judging import DATASET, Judging, images, raised_error

SAMPLES = 400


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key, and a project `p` with a dataset `d`."""
    services = Judging(admin)
    await services.create_dataset()
    return services


def correct_values(share: float, samples: int = SAMPLES) -> list[float]:
    """The values of samples, of which the first are correct."""
    count = round(share * samples)
    return [1.0] * count + [0.0] * (samples - count)


async def get_progress(judging: Judging, **fields: Any) -> pb.DatasetProgress:
    """Get the progress of the dataset."""
    return await judging.progress.GetProgress(pb.GetProgressRequest(dataset=DATASET, **fields))


async def list_rounds(judging: Judging) -> list[pb.RecordedRound]:
    """List the recorded rounds."""
    request = pb.ListRecordedRoundsRequest(parent=DATASET)
    return list((await judging.progress.ListRecordedRounds(request)).rounds)


async def test_rounds_are_listed_by_number(judging: Judging) -> None:
    """Rounds are listed by number, in pages, as they were recorded."""
    responses = [await judging.record_round(number, correct_values(0.5)) for number in (10, 9, 2)]
    assert [True, True, True] == [response.added for response in responses]
    rounds = await list_rounds(judging)
    assert [response.round for response in reversed(responses)] == rounds
    assert [(2, 200), (9, 900), (10, 1000)] == [
        (recorded.round, recorded.labelled_groups) for recorded in rounds
    ]
    assert {(SAMPLES, 0.5)} == {(recorded.sample_count, recorded.mean) for recorded in rounds}

    request = pb.ListRecordedRoundsRequest(parent=DATASET, page_size=2)
    first = await judging.progress.ListRecordedRounds(request)
    request.page_token = first.next_page_token
    second = await judging.progress.ListRecordedRounds(request)
    assert rounds == [*first.rounds, *second.rounds]


async def test_a_round_recorded_twice_adds_nothing(judging: Judging) -> None:
    """Recording the same round concurrently stores it once."""
    responses = await asyncio.gather(
        *(judging.record_round(1, correct_values(0.5)) for _ in range(8))
    )

    assert 1 == sum(response.added for response in responses)
    assert [responses[0].round] == await list_rounds(judging)


@pytest.mark.parametrize(
    "changes",
    [
        {"labelled_groups": 7},
        {"predictions": ["car"] * SAMPLES},
        {"sample_ids": [f"t{index}" for index in range(SAMPLES)]},
        {"failures": [pb.JudgedFailure(label="car", first="car", second="tram")]},
    ],
    ids=["groups", "predictions", "samples", "failures"],
)
async def test_a_round_never_changes(judging: Judging, changes: dict[str, Any]) -> None:
    """Other content under a recorded number is refused, and the stored round stays."""
    recorded = (await judging.record_round(1, correct_values(0.5))).round
    error = await raised_error(judging.record_round(1, correct_values(0.5), **changes))

    assert errors.AlreadyExists is type(error)
    assert f"1 of {DATASET} is already recorded" in error.message
    assert [recorded] == await list_rounds(judging)


async def test_one_round_too_many_is_refused(
    judging: Judging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round above the limit is refused; a recorded round may still be sent again."""
    monkeypatch.setattr(recorded_rounds, "ROUNDS_MAX", 2)
    for number in (1, 2):
        await judging.record_round(number, [1.0])
    error = await raised_error(judging.record_round(3, [1.0]))

    assert (errors.ResourceExhausted, {"limit": "2"}) == (type(error), error.metadata)
    assert not (await judging.record_round(2, [1.0])).added


async def test_without_rounds_nothing_is_measured(judging: Judging) -> None:
    """Without rounds every signal is NOT_MEASURED; a missing dataset is NOT_FOUND."""
    progress = await get_progress(judging, target=0.9)

    assert ([], "no round was recorded") == (list(progress.points), progress.no_curve_reason)
    assert {pb.SIGNAL_STATE_NOT_MEASURED} == {signal.state for signal in progress.advice.signals}
    assert pb.RECOMMENDATION_CONTINUE == progress.advice.recommendation
    request = pb.GetProgressRequest(dataset=f"{DATASET}x")
    assert errors.NotFound is type(await raised_error(judging.progress.GetProgress(request)))


async def test_the_history_is_paired(judging: Judging) -> None:
    """A point has Wilson's interval, and a change compares the samples common to both rounds."""
    await judging.record_round(1, correct_values(0.5))
    later_ids = [f"s{index}" for index in range(100, 100 + SAMPLES)]
    await judging.record_round(2, correct_values(0.9), sample_ids=later_ids)
    progress = await get_progress(judging)

    expected = wilson(360, SAMPLES)
    assert (2, 200, SAMPLES, 0.9) == (
        progress.points[1].round,
        progress.points[1].labelled_groups,
        progress.points[1].samples,
        progress.points[1].mean,
    )
    interval = progress.points[1].interval
    assert (expected.low, expected.high) == (interval.low, interval.high)
    [change] = progress.changes
    # Of s100 to s399, 100 were correct in round 1 and all are in round 2.
    assert (1, 2, 300) == (change.earlier, change.later, change.samples)
    assert pytest.approx(200 / 300) == change.difference
    assert change.interval.low < change.difference < change.interval.high


async def test_other_samples_cannot_be_compared(judging: Judging) -> None:
    """A round on another validation set has a point but no change, and no signal of change."""
    await judging.record_round(1, correct_values(0.5))
    await judging.record_round(2, correct_values(0.6))
    await judging.record_round(
        3, correct_values(0.9), sample_ids=[f"t{index}" for index in range(SAMPLES)]
    )
    progress = await get_progress(judging)

    assert [1, 2, 3] == [point.round for point in progress.points]
    assert [(1, 2)] == [(change.earlier, change.later) for change in progress.changes]
    signal = next(
        candidate for candidate in progress.advice.signals if "worse" in candidate.question
    )
    assert pb.SIGNAL_STATE_NOT_MEASURED == signal.state


async def test_the_curve_promises_the_next_batch(judging: Judging) -> None:
    """The curve error(n) = 2 · n^−0.5 is recovered, and gives the gain of the requested groups."""
    sizes = [100, 200, 400, 800, 1600]
    for number, size in enumerate(sizes, 1):
        share = 1 - 2 * size**-0.5
        await judging.record_round(number, correct_values(share, 40_000), labelled_groups=size)
    progress = await get_progress(judging, next_groups=1600)
    curve = progress.curve

    assert "" == progress.no_curve_reason
    assert pytest.approx(0.5, abs=0.02) == curve.exponent
    assert 1600 == curve.next_groups
    assert pytest.approx(0.05 - 2 * 3200**-0.5, abs=0.001) == curve.next_gain.value
    assert pytest.approx(2 * 3200**-0.5, abs=0.001) == curve.next_error.value
    assert 800 == (await get_progress(judging)).curve.next_groups
    assert pb.RECOMMENDATION_CONTINUE == progress.advice.recommendation


async def test_a_target_binds_every_slice(judging: Judging) -> None:
    """A target is not reached while one slice misses it, even if the overall value reaches it."""
    night = pb.SampleSlice(name="night", samples=range(380, SAMPLES))
    await judging.record_round(1, correct_values(0.95), slices=[night])
    target = (await get_progress(judging, target=0.9)).target

    assert (False, pb.TARGET_REACH_REACHED) == (target.reached, target.overall.reach)
    [night_slice] = target.slices
    assert ("night", 20, 0.0, pb.TARGET_REACH_MISSED) == (
        night_slice.name,
        night_slice.samples,
        night_slice.mean,
        night_slice.reach,
    )
    assert not (await get_progress(judging)).HasField("target")


async def test_a_reached_target_says_stop(judging: Judging) -> None:
    """A target reached overall and in every slice gives the advice STOP."""
    await judging.record_round(1, correct_values(0.99))
    progress = await get_progress(judging, target=0.9)

    assert pb.RECOMMENDATION_STOP == progress.advice.recommendation
    assert "the target 0.9 is surely reached, overall and in every slice" == progress.advice.reason


async def test_stability_is_that_of_the_last_predictions(judging: Judging) -> None:
    """Stability compares the last two rounds with predictions on common samples, in any order."""
    classes = ["car", "tram"] * (SAMPLES // 2)
    ids = [f"s{index}" for index in range(SAMPLES)]
    await judging.record_round(1, correct_values(0.5), predictions=["car"] * SAMPLES)
    await judging.record_round(2, correct_values(0.5), predictions=classes)
    await judging.record_round(
        4, correct_values(0.5), predictions=["tram", *classes[1:]][::-1], sample_ids=ids[::-1]
    )
    await judging.record_round(5, correct_values(0.5))
    stability = (await get_progress(judging)).stability

    assert (2, 4) == (stability.earlier, stability.later)
    assert (SAMPLES - 1, SAMPLES) == (stability.agreeing.count, stability.agreeing.total)
    assert pytest.approx(1 - 2 / SAMPLES) == stability.kappa


async def test_doubtful_failures_say_mend_labels(judging: Judging) -> None:
    """If annotators disagree on most failures, the advice is to fix labels."""
    answers = [("car", "car", "tram")] * 30 + [("car", "tram", "tram")] * 10 + [("car",) * 3] * 5
    failures = [
        pb.JudgedFailure(label=label, first=first, second=second)
        for label, first, second in answers
    ]
    await judging.record_round(1, correct_values(0.5), failures=failures)
    await judging.record_round(2, correct_values(0.6))
    progress = await get_progress(judging)

    assert (1, 30, 10, 40, 45) == (
        progress.failures.round,
        progress.failures.ambiguous.count,
        progress.failures.mislabelled.count,
        progress.failures.doubtful.count,
        progress.failures.doubtful.total,
    )
    assert pb.RECOMMENDATION_FIX_LABELS == progress.advice.recommendation


async def test_a_failed_golden_check_comes_first(judging: Judging) -> None:
    """A failed golden check gives the advice FIX_LABELS until it is overridden."""
    await judging.record_round(1, correct_values(0.99))
    await judging.create_golden_set(images("car", "tram"))
    check = (await judging.check_round(images("car"))).check
    advice = (await get_progress(judging, target=0.9)).advice
    assert pb.RECOMMENDATION_FIX_LABELS == advice.recommendation
    assert "the golden check failed: labels have drifted" == advice.reason

    await judging.golden.OverrideCheck(
        golden_set_pb2.OverrideCheckRequest(name=check.name, reason="known")
    )
    assert pb.RECOMMENDATION_STOP == (await get_progress(judging, target=0.9)).advice.recommendation


async def test_the_least_gain_is_what_was_asked_for(judging: Judging) -> None:
    """The requested minimum gain decides whether a batch's gain was enough."""
    rng = np.random.default_rng(1)
    first = rng.random(5_000) < 0.5
    second = first | (rng.random(5_000) < 0.05)
    await judging.record_round(1, first.astype(float).tolist())
    await judging.record_round(2, second.astype(float).tolist())

    assert pb.RECOMMENDATION_CONTINUE == (await get_progress(judging)).advice.recommendation
    demanding = (await get_progress(judging, gain_min=0.2)).advice
    assert pb.RECOMMENDATION_STOP == demanding.recommendation


async def test_a_round_is_read_as_it_was_stored(judging: Judging) -> None:
    """Values keep their full precision."""
    values = np.random.default_rng(2).random(100).tolist()
    await judging.record_round(1, values)

    assert (
        pytest.approx(float(np.mean(values)), abs=1e-15)
        == (await get_progress(judging)).points[0].mean
    )
