"""Progress over gRPC: rounds are recorded once, and say together what to do next."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import numpy as np
import pytest

from services.curation.intervals import wilson
from services.curation.progress import recorded_rounds as limits
from sluice import errors
from sluice.v1 import golden_set_pb2
from sluice.v1 import progress_pb2 as pb
from tests.rpc.curation.judging import DATASET, Judging, images, refusal

SAMPLES = 400


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key; there is a project `p` with a dataset `d`."""
    found = Judging(admin)
    await found.dataset()
    return found


def right(share: float, samples: int = SAMPLES) -> list[float]:
    """So many samples right, the first ones."""
    count = round(share * samples)
    return [1.0] * count + [0.0] * (samples - count)


async def read(judging: Judging, **wanted: Any) -> pb.DatasetProgress:
    """The progress of the dataset."""
    return await judging.progress.GetProgress(pb.GetProgressRequest(dataset=DATASET, **wanted))


async def listed(judging: Judging) -> list[pb.RecordedRound]:
    """The recorded rounds."""
    request = pb.ListRecordedRoundsRequest(parent=DATASET)
    return list((await judging.progress.ListRecordedRounds(request)).rounds)


async def test_rounds_are_listed_by_number(judging: Judging) -> None:
    """As they were recorded, page by page."""
    answers = [await judging.record(number, right(0.5)) for number in (10, 9, 2)]
    assert [True, True, True] == [answer.added for answer in answers]
    found = await listed(judging)
    assert [answer.round for answer in reversed(answers)] == found
    assert [(2, 200), (9, 900), (10, 1000)] == [(r.round, r.labelled_groups) for r in found]
    assert {(SAMPLES, 0.5)} == {(r.sample_count, r.mean) for r in found}

    request = pb.ListRecordedRoundsRequest(parent=DATASET, page_size=2)
    first = await judging.progress.ListRecordedRounds(request)
    request.page_token = first.next_page_token
    second = await judging.progress.ListRecordedRounds(request)
    assert found == [*first.rounds, *second.rounds]


async def test_a_round_recorded_twice_adds_nothing(judging: Judging) -> None:
    """The same again, also many at once, is the round that is there."""
    many = await asyncio.gather(*(judging.record(1, right(0.5)) for _ in range(8)))

    assert 1 == sum(answer.added for answer in many)
    assert [many[0].round] == await listed(judging)


@pytest.mark.parametrize(
    "changed",
    [
        {"labelled_groups": 7},
        {"predictions": ["car"] * SAMPLES},
        {"sample_ids": [f"t{index}" for index in range(SAMPLES)]},
        {"failures": [pb.JudgedFailure(label="car", first="car", second="tram")]},
    ],
    ids=["groups", "predictions", "samples", "failures"],
)
async def test_a_round_never_changes(judging: Judging, changed: dict[str, Any]) -> None:
    """Other content under its number is refused, and what is there stays."""
    made = (await judging.record(1, right(0.5))).round
    error = await refusal(judging.record(1, right(0.5), **changed))

    assert errors.AlreadyExists is type(error)
    assert f"1 of {DATASET} is already recorded" in error.message
    assert [made] == await listed(judging)


async def test_one_round_too_many_is_refused(
    judging: Judging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rounds are read for each look; what is recorded already may still be sent again."""
    monkeypatch.setattr(limits, "ROUNDS_MAX", 2)
    for number in (1, 2):
        await judging.record(number, [1.0])
    error = await refusal(judging.record(3, [1.0]))

    assert (errors.ResourceExhausted, {"limit": "2"}) == (type(error), error.metadata)
    assert not (await judging.record(2, [1.0])).added


async def test_without_rounds_nothing_is_measured(judging: Judging) -> None:
    """All that is said is that nobody can say; of a dataset that is none, not even that."""
    found = await read(judging, target=0.9)

    assert ([], "no round was recorded") == (list(found.points), found.no_curve_reason)
    assert {pb.SIGNAL_STATE_NOT_MEASURED} == {signal.state for signal in found.advice.signals}
    assert pb.RECOMMENDATION_CONTINUE == found.advice.recommendation
    request = pb.GetProgressRequest(dataset=f"{DATASET}x")
    assert errors.NotFound is type(await refusal(judging.progress.GetProgress(request)))


async def test_the_history_is_paired(judging: Judging) -> None:
    """Each point with Wilson's interval, each change on the samples of both."""
    await judging.record(1, right(0.5))
    more = [f"s{index}" for index in range(100, 100 + SAMPLES)]
    await judging.record(2, right(0.9), sample_ids=more)
    found = await read(judging)

    expected = wilson(360, SAMPLES)
    assert (2, 200, SAMPLES, 0.9) == (
        found.points[1].round,
        found.points[1].labelled_groups,
        found.points[1].samples,
        found.points[1].mean,
    )
    interval = found.points[1].interval
    assert (expected.low, expected.high) == (interval.low, interval.high)
    [change] = found.changes
    # Of s100 to s399, 100 were right, and all are.
    assert (1, 2, 300) == (change.earlier, change.later, change.samples)
    assert pytest.approx(200 / 300) == change.difference
    assert change.interval.low < change.difference < change.interval.high


async def test_other_samples_cannot_be_compared(judging: Judging) -> None:
    """A round on another validation set has a point, and no change; the signals say so."""
    await judging.record(1, right(0.5))
    await judging.record(2, right(0.6))
    await judging.record(3, right(0.9), sample_ids=[f"t{index}" for index in range(SAMPLES)])
    found = await read(judging)

    assert [1, 2, 3] == [point.round for point in found.points]
    assert [(1, 2)] == [(change.earlier, change.later) for change in found.changes]
    signal = next(s for s in found.advice.signals if "worse" in s.question)
    assert pb.SIGNAL_STATE_NOT_MEASURED == signal.state


async def test_the_curve_promises_the_next_batch(judging: Judging) -> None:
    """error(n) = 2 · n^−0.5 is found again, and gives the gain of as many groups as asked for."""
    sizes = [100, 200, 400, 800, 1600]
    for number, size in enumerate(sizes, 1):
        share = 1 - 2 * size**-0.5
        await judging.record(number, right(share, 40_000), labelled_groups=size)
    found = await read(judging, next_groups=1600)
    curve = found.curve

    assert "" == found.no_curve_reason
    assert pytest.approx(0.5, abs=0.02) == curve.exponent
    assert 1600 == curve.next_groups
    assert pytest.approx(0.05 - 2 * 3200**-0.5, abs=0.001) == curve.next_gain.value
    assert pytest.approx(2 * 3200**-0.5, abs=0.001) == curve.next_error.value
    assert 800 == (await read(judging)).curve.next_groups
    assert pb.RECOMMENDATION_CONTINUE == found.advice.recommendation


async def test_a_target_binds_every_slice(judging: Judging) -> None:
    """Everything may have reached it while a slice surely misses it."""
    night = pb.SampleSlice(name="night", samples=range(380, SAMPLES))
    await judging.record(1, right(0.95), slices=[night])
    found = (await read(judging, target=0.9)).target

    assert (False, pb.TARGET_REACH_REACHED) == (found.reached, found.overall.reach)
    [part] = found.slices
    assert ("night", 20, 0.0, pb.TARGET_REACH_MISSED) == (
        part.name,
        part.samples,
        part.mean,
        part.reach,
    )
    assert not (await read(judging)).HasField("target")


async def test_a_reached_target_says_stop(judging: Judging) -> None:
    """Where it is surely reached everywhere, nothing more is needed."""
    await judging.record(1, right(0.99))
    found = await read(judging, target=0.9)

    assert pb.RECOMMENDATION_STOP == found.advice.recommendation
    assert "the target 0.9 is surely reached, overall and in every slice" == found.advice.reason


async def test_stability_is_that_of_the_last_predictions(judging: Judging) -> None:
    """The last two rounds that have predictions, on common samples, whatever their order."""
    classes = ["car", "tram"] * (SAMPLES // 2)
    ids = [f"s{index}" for index in range(SAMPLES)]
    await judging.record(1, right(0.5), predictions=["car"] * SAMPLES)
    await judging.record(2, right(0.5), predictions=classes)
    await judging.record(
        4, right(0.5), predictions=["tram", *classes[1:]][::-1], sample_ids=ids[::-1]
    )
    await judging.record(5, right(0.5))
    found = (await read(judging)).stability

    assert (2, 4) == (found.earlier, found.later)
    assert (SAMPLES - 1, SAMPLES) == (found.agreeing.count, found.agreeing.total)
    assert pytest.approx(1 - 2 / SAMPLES) == found.kappa


async def test_doubtful_failures_say_mend_labels(judging: Judging) -> None:
    """Where annotators cannot agree on most failures, more frames will not help."""
    said = [("car", "car", "tram")] * 30 + [("car", "tram", "tram")] * 10 + [("car",) * 3] * 5
    failures = [pb.JudgedFailure(label=a, first=b, second=c) for a, b, c in said]
    await judging.record(1, right(0.5), failures=failures)
    await judging.record(2, right(0.6))
    found = await read(judging)

    assert (1, 30, 10, 40, 45) == (
        found.failures.round,
        found.failures.ambiguous.count,
        found.failures.mislabelled.count,
        found.failures.doubtful.count,
        found.failures.doubtful.total,
    )
    assert pb.RECOMMENDATION_FIX_LABELS == found.advice.recommendation


async def test_a_failed_golden_check_comes_first(judging: Judging) -> None:
    """Whatever the figures are, they rest on labels; an override lets them count."""
    await judging.record(1, right(0.99))
    await judging.golden_set(images("car", "tram"))
    made = (await judging.check(images("car"))).check
    found = (await read(judging, target=0.9)).advice
    assert pb.RECOMMENDATION_FIX_LABELS == found.recommendation
    assert "the golden check failed: labels have drifted" == found.reason

    await judging.golden.OverrideCheck(
        golden_set_pb2.OverrideCheckRequest(name=made.name, reason="known")
    )
    assert pb.RECOMMENDATION_STOP == (await read(judging, target=0.9)).advice.recommendation


async def test_the_least_gain_is_what_was_asked_for(judging: Judging) -> None:
    """What a batch must bring decides whether its gain was enough."""
    draw = np.random.default_rng(1)
    first = draw.random(5_000) < 0.5
    second = first | (draw.random(5_000) < 0.05)
    await judging.record(1, first.astype(float).tolist())
    await judging.record(2, second.astype(float).tolist())

    assert pb.RECOMMENDATION_CONTINUE == (await read(judging)).advice.recommendation
    greedy = (await read(judging, gain_min=0.2)).advice
    assert pb.RECOMMENDATION_STOP == greedy.recommendation


async def test_a_round_is_read_as_it_was_stored(judging: Judging) -> None:
    """Values keep all their digits."""
    values = np.random.default_rng(2).random(100).tolist()
    await judging.record(1, values)

    assert pytest.approx(float(np.mean(values)), abs=1e-15) == (await read(judging)).points[0].mean
