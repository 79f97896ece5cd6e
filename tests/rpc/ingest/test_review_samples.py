"""Reviewing samples: states, counters and repeated requests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sluice import errors
from sluice.v1 import campaign_pb2, ingest_pb2
from tests.rpc.ingest.conftest import FRAMES
from tests.rpc.ingest.logger import Logger, error_of, frame_ids

UNSORTED, ACCEPTED, DISCARDED = (
    ingest_pb2.Sample.STATE_UNSORTED,
    ingest_pb2.Sample.STATE_ACCEPTED,
    ingest_pb2.Sample.STATE_DISCARDED,
)


async def review(logger: Logger, operation: str, *frame_ids: str, request_id: str = "") -> int:
    """Accept, discard or restore samples; the number of samples changed."""
    request = getattr(ingest_pb2, f"{operation}SamplesRequest")(
        parent=logger.campaign, frame_ids=frame_ids, request_id=request_id
    )
    response: Any = await getattr(logger.ingest, f"{operation}Samples")(request)
    return int(response.changed_count)


async def test_review_changes_states_and_counters(collected: Logger) -> None:
    """Accepted and discarded samples are counted and filtered by, and can be restored."""
    assert 3 == await review(collected, "Accept", *FRAMES[:3])
    assert 2 == await review(collected, "Discard", *FRAMES[2:4])
    assert 0 == await review(collected, "Accept", FRAMES[0])
    funnel = await collected.funnel()
    assert (2, 2) == (funnel.accepted, funnel.discarded)
    accepted = await collected.samples(states=[ACCEPTED])
    assert set(FRAMES[:2]) == set(frame_ids(accepted))
    unsorted = await collected.samples(states=[UNSORTED], page_size=2)
    rest = await collected.samples(
        states=[UNSORTED], page_size=2, page_token=unsorted.next_page_token
    )
    assert set(FRAMES[4:]) == {*frame_ids(unsorted), *frame_ids(rest)}
    assert 2 == await review(collected, "Restore", FRAMES[0], FRAMES[2], FRAMES[4])
    funnel = await collected.funnel()
    assert (1, 1) == (funnel.accepted, funnel.discarded)


async def test_review_is_all_or_none(collected: Logger) -> None:
    """If one frame is not a sample, it is named, and none is reviewed."""
    error = await error_of(review(collected, "Accept", FRAMES[0], "nobody"))
    assert isinstance(error, errors.NotFound)
    assert "'nobody'" in error.message
    assert 0 == (await collected.funnel()).accepted
    duplicate = await error_of(review(collected, "Accept", FRAMES[0], FRAMES[0]))
    none = await error_of(review(collected, "Accept"))
    assert ["frame_ids"] * 2 == [e.fields[0].field for e in (duplicate, none)]


async def test_a_repeated_review_returns_the_first_response(collected: Logger) -> None:
    """A review with a used request id changes nothing, even after other reviews."""
    request_id = str(uuid4())
    first = await review(collected, "Accept", FRAMES[0], request_id=request_id)
    await review(collected, "Restore", FRAMES[0])
    again = await review(collected, "Accept", FRAMES[0], request_id=request_id)
    assert (1, 1) == (first, again)
    assert 0 == (await collected.funnel()).accepted


async def test_samples_of_an_inactive_campaign_stay_readable(collected: Logger) -> None:
    """Samples stay after a campaign is deactivated; frames sent late are counted as inactive."""
    late = await collected.batch(1, "h99")
    await collected.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=collected.campaign)
    )
    while (await collected.score(["x"])).versions:
        pass
    async with collected.session() as session:
        await session.send(late)
        result = await session.result()
    assert [ingest_pb2.VERDICT_INACTIVE] == result.verdicts.verdicts
    assert len(FRAMES) == len(frame_ids(await collected.samples()))
    assert 1 == await review(collected, "Accept", FRAMES[0])
