"""What a batch's outcome is, in the cases that a machine would seldom meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.ingest import submit as submit_module
from services.ingest.batch import Batch, Verdict
from services.ingest.counters import Count
from services.ingest.submit import start, submit
from services.peers.active import Budget
from sluice import errors, rpc_errors
from sluice.scoring import normalise
from tests.unit.ingest.world import (
    DIMENSION,
    NOON,
    PROJECT,
    World,
    delivery,
    frame,
    session,
    world,
)

EYE = np.eye(DIMENSION, dtype=np.float32)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with one campaign, whose one element is the first axis."""
    async with world(tmp_path) as found:
        await found.commit("c", EYE[:1])
        yield found


def near(index: int) -> NDArray[np.float32]:
    """A vector like the first axis, each index another way, none a near duplicate of another."""
    return np.asarray(EYE[0] * 4 + EYE[1 + index % (DIMENSION - 1)] * 1.4, np.float32)


async def verdicts(here: World, seq: int, batch: Batch, name: str = "s") -> list[Verdict]:
    """The verdicts of the session's next batch."""
    answer = await submit(here.ingest, session(name), delivery(seq, batch, f"{name}{seq}"))
    assert answer.error == b"", rpc_errors.loads(answer.error)
    return [Verdict(verdict) for verdict in answer.verdicts]


async def see_all_kinds(here: World) -> None:
    """Submit the most and the least alike, so that later batches do not race for the extremes."""
    batch = here.batch([(frame("most"), EYE[0]), (frame("least"), -EYE[0])])
    await verdicts(here, 1, batch, "before")


async def test_start_says_which_batch_comes_next(here: World) -> None:
    """A session goes on where its last acknowledged batch ended."""
    before = await start(here.ingest, session())
    await verdicts(here, 1, here.batch([(frame("f"), EYE[5])]))
    assert (1, 2) == (before, await start(here.ingest, session()))


async def test_unknown_project_cannot_start(here: World) -> None:
    """A session of a project that does not exist is refused."""
    with pytest.raises(errors.NotFound, match="nowhere"):
        await start(here.ingest, replace(session(), project="nowhere"))


async def test_a_batch_without_matches_counts(here: World) -> None:
    """Frames that match nothing are counted as seen, or the rate would be biased."""
    await verdicts(here, 1, here.batch([(frame("x"), EYE[4]), (frame("y"), EYE[5])]))
    funnel = await here.funnel("c")
    assert (2, 2, 0) == (
        funnel.counts[Count.SEEN],
        funnel.distinct_seen,
        funnel.counts[Count.MATCHES],
    )


async def test_no_more_frames_are_different_than_were_seen(here: World) -> None:
    """The count of different frames is an estimate, but it never exceeds what was seen."""
    frames = [(frame(f"f{index}"), EYE[4]) for index in range(2_000)]
    batch = here.batch(frames)
    await verdicts(here, 1, batch)
    [seen_set] = await here.stores.ledger.scan(PROJECT, "seen-set/c/", limit=2)
    estimate = await here.stores.ledger.count_distinct(PROJECT, [seen_set.key.split("/")[-1]])
    assert estimate > len(frames), "these frames do not show it: take others"
    assert len(frames) == (await here.funnel("c")).distinct_seen


async def test_the_funnel_sums_up_the_scores_of_all_frames(here: World) -> None:
    """Mean, deviation and extremes are those of every score that was tallied, in all batches."""
    parts = [[near(0), EYE[3]], [near(4), EYE[5], EYE[0]]]
    for seq, part in enumerate(parts, 1):
        frames = [(frame(f"{seq}-{i}"), vector) for i, vector in enumerate(part)]
        await verdicts(here, seq, here.batch(frames))
    scorer, _ = here.scorers["c", 1]
    scores = scorer.score(normalise(np.concatenate(parts))).scores[:, 0]
    summary = (await here.funnel("c")).scores
    assert scores.mean() == pytest.approx(summary.mean, abs=1e-8)
    assert scores.std() == pytest.approx(summary.standard_deviation, abs=1e-6)
    assert (scores.min(), scores.max()) == (summary.minimum, summary.maximum)
    assert tuple(np.histogram(scores, 64, (0, 1))[0]) == summary.histogram


async def test_what_was_not_selected_is_counted_and_is_no_match(here: World) -> None:
    """A client that submits only its best says how many it left out."""
    batch = here.batch([(frame("x"), EYE[4])])
    tally = replace(batch.tallies[0], not_selected=1)
    await verdicts(here, 1, replace(batch, tallies=(tally,)))
    counts = (await here.funnel("c")).counts
    assert (1, 0) == (counts[Count.NOT_SELECTED], counts[Count.MATCHES])


async def test_override_goes_before_the_campaign_and_the_campaign_before_the_default(
    here: World,
) -> None:
    """The threshold is the call's, else the campaign's, else 0.5."""
    frames = [(frame("f"), near(0))]
    score = here.batch(frames, override=0.0).matches[0].scores[0][1]
    assert score > 0.5
    above = here.batch(frames, override=0.0)
    above = replace(above, threshold_override=(score + 1) / 2)
    assert [Verdict.BELOW_THRESHOLD] == await verdicts(here, 1, above)
    standing = here.versions.standing["c"]
    here.versions.standing["c"] = replace(standing, threshold=(score + 1) / 2)
    of_campaign = replace(here.batch(frames, override=0.0), threshold_override=None)
    assert [Verdict.BELOW_THRESHOLD] == await verdicts(here, 2, of_campaign)
    here.versions.standing["c"] = standing
    assert [Verdict.PENDING] == await verdicts(here, 3, of_campaign)


async def test_a_known_frame_is_a_duplicate_in_every_version(here: World) -> None:
    """A frame is collected once by a campaign, also after a new version."""
    first = await verdicts(here, 1, here.batch([(frame("f"), near(0))]))
    await here.commit("c", np.stack([EYE[0], near(3)]))
    second = await verdicts(here, 2, here.batch([(frame("f"), near(0))], override=0.1))
    assert ([Verdict.PENDING], [Verdict.DUPLICATE]) == (first, second)


async def test_a_duplicate_of_another_time_is_named(here: World) -> None:
    """An id that comes back with another time is a duplicate, and a conflict that is named."""
    await verdicts(here, 1, here.batch([(frame("f"), near(0))]))
    later = frame("f", capture_time=NOON + timedelta(seconds=1))
    sent = delivery(2, here.batch([(later, near(0))]))
    answer = await submit(here.ingest, session(), sent)
    counts = (await here.funnel("c")).counts
    assert ("f",) == answer.id_conflicts
    assert (1, 1) == (counts[Count.DUPLICATE], counts[Count.ID_CONFLICTS])


async def test_wrong_scores_name_the_logger(here: World) -> None:
    """A match whose score is not ingest's is not taken, and its logger is named."""
    batch = here.batch([(frame("f"), near(0))], score_error=0.05)
    assert [Verdict.SCORE_MISMATCH] == await verdicts(here, 1, batch)
    assert {"logger": 1} == (await here.funnel("c")).mismatches


async def test_late_frames_of_an_inactive_campaign_are_no_error(here: World) -> None:
    """A spool that is sent after the campaign was deactivated is counted as inactive."""
    batch = here.batch([(frame("f"), near(0))])
    here.deactivate("c")
    assert [Verdict.INACTIVE] == await verdicts(here, 1, batch)


async def test_a_version_that_never_was_is_refused_for_good(here: World) -> None:
    """A batch under an unknown version gets its refusal as outcome, and counts nothing."""
    batch = here.batch([(frame("f"), near(0))])
    batch = replace(batch, tallies=(replace(batch.tallies[0], version=9),))
    answer = await submit(here.ingest, session(), delivery(1, batch))
    assert isinstance(rpc_errors.loads(answer.error), errors.NotFound)
    assert 2 == await start(here.ingest, session())
    assert 0 == (await here.funnel("c")).counts[Count.SEEN]


async def test_another_projects_campaign_is_refused(here: World) -> None:
    """A session cannot count for a campaign of another project."""
    batch = here.batch([(frame("f"), near(0))])
    foreign = replace(batch.tallies[0], campaign="projects/q/campaigns/c")
    answer = await submit(here.ingest, session(), delivery(1, replace(batch, tallies=(foreign,))))
    assert "FOREIGN_PROJECT" == rpc_errors.loads(answer.error).reason


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_digest": "0" * 64}, "model_digest"),
        ({"count": 3}, "count"),
    ],
)
async def test_a_tally_that_contradicts_is_refused(
    here: World, changes: dict[str, Any], named: str
) -> None:
    """A tally of another model or of other frames is refused, naming the field."""
    batch = here.batch([(frame("f"), near(0))])
    tally = replace(batch.tallies[0], **changes)
    answer = await submit(here.ingest, session(), delivery(1, replace(batch, tallies=(tally,))))
    assert f"batch.tallies[0].{named}" == rpc_errors.loads(answer.error).fields[0].field


async def test_a_frame_that_stands_twice_is_refused(here: World) -> None:
    """Two documents of one id in a batch are refused, naming the id."""
    batch = here.batch([(frame("f"), near(0)), (frame("f"), near(1))])
    answer = await submit(here.ingest, session(), delivery(1, batch))
    assert "'f' stands twice" in rpc_errors.loads(answer.error).message


async def test_budget_takes_no_more_than_it_has(here: World) -> None:
    """Matches beyond the budget are over budget; the next UTC day has room again."""
    await here.commit("d", EYE[:1], budget=Budget(total=4, per_day=3))
    judged = [("d", 1)]
    batch = here.batch([(frame(f"f{i}"), near(i)) for i in range(5)], judged)
    today = await verdicts(here, 1, batch)
    here.clock.advance(timedelta(days=1))
    tomorrow = await verdicts(here, 2, batch)
    assert [Verdict.PENDING] * 3 + [Verdict.OVER_BUDGET] * 2 == today
    assert [Verdict.DUPLICATE] * 3 + [Verdict.PENDING, Verdict.OVER_BUDGET] == tomorrow


async def test_sessions_that_race_for_the_last_place_do_not_overdraw(here: World) -> None:
    """Of sessions that all saw one place left in the budget, one takes it."""
    await here.commit("d", EYE[:1], budget=Budget(total=1))
    batches = [here.batch([(frame(f"f{i}"), near(i))], [("d", 1)]) for i in range(4)]
    here.meet(4)
    found = await asyncio.gather(
        *(verdicts(here, 1, batch, f"s{i}") for i, batch in enumerate(batches))
    )
    assert [Verdict.OVER_BUDGET] * 3 + [Verdict.PENDING] == sorted(
        (v for [v] in found), reverse=True
    )


async def test_a_near_duplicate_gives_its_budget_back(here: World) -> None:
    """What the projector finds to be a near duplicate leaves room for a later frame."""
    await here.commit("d", EYE[:1], budget=Budget(total=2))
    judged = [("d", 1)]
    twins = here.batch([(frame("f"), near(0)), (frame("twin"), near(0))], judged)
    await verdicts(here, 1, twins)
    await here.projector().drain(PROJECT)
    assert [Verdict.PENDING] == await verdicts(here, 2, here.batch([(frame("g"), near(1))], judged))


async def test_a_full_outbox_leaves_the_number_open(here: World) -> None:
    """When too many matches wait, the batch is refused for now, and nothing of it is counted."""
    here.ingest = replace(here.ingest, outbox_entries_max=1)
    batch = here.batch([(frame("f"), near(0)), (frame("g"), near(1))])
    with pytest.raises(errors.Unavailable) as refused:
        await submit(here.ingest, session(), delivery(1, batch))
    assert refused.value.retry_after_s is not None
    assert 1 == await start(here.ingest, session())
    assert 0 == (await here.funnel("c")).counts[Count.SEEN]


async def test_one_frame_from_many_sessions_at_once_is_taken_once(here: World) -> None:
    """Sessions that race for a row look again, and all but one find a duplicate."""
    await see_all_kinds(here)
    batch = here.batch([(frame("f"), near(0))])
    here.meet(12)
    found = await asyncio.gather(*(verdicts(here, 1, batch, f"s{i}") for i in range(12)))
    assert [Verdict.DUPLICATE] * 11 + [Verdict.PENDING] == sorted(
        (v for [v] in found), reverse=True
    )
    assert 1 + 12 == (await here.funnel("c")).counts[Count.MATCHES]


async def test_one_batch_sent_on_two_streams_at_once_counts_once(here: World) -> None:
    """Two streams of one session that send the same batch get the same outcome."""
    await see_all_kinds(here)
    sent = delivery(1, here.batch([(frame("x"), EYE[5])]))
    here.meet(2)
    first, second = await asyncio.gather(
        submit(here.ingest, session(), sent), submit(here.ingest, session(), sent)
    )
    assert first == second
    assert 2 + 1 == (await here.funnel("c")).counts[Count.SEEN]


async def test_a_damaged_model_leaves_the_number_open(here: World, tmp_path: Path) -> None:
    """When the server's model file is damaged the logger keeps its batch."""
    batch = here.batch([(frame("f"), near(0))])
    digest = here.versions.standing["c"].version.model_digest
    [file] = list((tmp_path / "blobs").rglob(digest))
    file.chmod(0o600)
    file.write_bytes(b"rubbish")
    with pytest.raises(errors.Unavailable, match="model"):
        await submit(here.ingest, session(), delivery(1, batch))
    assert 1 == await start(here.ingest, session())


async def test_collisions_end_in_aborted(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that finds no quiet moment is left open rather than judged on old knowledge."""
    monkeypatch.setattr(submit_module, "COMMIT_ATTEMPTS", 0)
    with pytest.raises(errors.Aborted, match="collided"):
        await submit(here.ingest, session(), delivery(1, here.batch([(frame("f"), near(0))])))
