"""Golden checks over gRPC: the verdict on a round, its history, and what it blocks."""

from __future__ import annotations

import asyncio
from itertools import islice

import grpc
import pytest

from services.embedded.process import serve
from services.server.settings import Settings
from sluice import errors
from sluice.channel import connect
from sluice.v1 import golden_set_pb2 as pb
from sluice.v1 import project_pb2
from tests.rpc.conftest import WithScopes
from tests.rpc.curation.judging import (
    GOLDEN_SET,
    IMAGES,
    Judging,
    image,
    images,
    key_of,
    refusal,
    stream,
)

TRUE = images("car", "tram")
MISSED = images("car")
CONFUSED = images("car", "car")


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key; the golden set `g` has a car and a tram in each image."""
    found = Judging(admin)
    await found.dataset()
    await found.golden_set(TRUE)
    return found


async def listed(judging: Judging) -> list[pb.GoldenCheck]:
    """The checks of the golden set."""
    return list((await judging.golden.ListChecks(pb.ListChecksRequest(parent=GOLDEN_SET))).checks)


async def test_the_same_labels_pass(judging: Judging) -> None:
    """Nothing is found in a round that is the golden set itself, hidden among other images."""
    answer = await judging.check([*TRUE, image("other", "car", "car", "car")])
    check, details = answer.check, answer.check.details

    assert answer.added
    assert (pb.GOLDEN_VERDICT_PASS, False) == (check.verdict, check.blocks)
    assert f"no drift was found in {IMAGES} images" == check.reason
    assert (IMAGES, IMAGES, 2 * IMAGES, 2.0) == (
        check.summary.images,
        check.summary.images_with_labels,
        check.summary.detections,
        check.summary.detections_per_image,
    )
    assert {"car": IMAGES, "tram": IMAGES} == check.summary.class_counts
    assert ([], []) == (list(details.findings), list(details.missing))
    assert 1.0 == details.agreement.mean_iou
    assert {"small", "medium", "large"} == set(details.agreement.recall_by_size)


async def test_missed_objects_fail(judging: Judging) -> None:
    """A class that is gone is found by test and by agreement, and the reason names it."""
    check = (await judging.check(MISSED)).check
    drift, agreement = check.details.drift, check.details.agreement

    assert (pb.GOLDEN_VERDICT_FAIL, True) == (check.verdict, check.blocks)
    assert "class 'tram' has 0 objects where the reference has 40" in check.reason
    assert check.details.findings[0].reason in check.reason
    [car, tram] = drift.classes
    assert (1.0, 40, 0) == (car.p_adjusted, tram.reference, tram.current)
    assert tram.p_adjusted < 0.01
    assert (40, 80) == (agreement.recall.count, agreement.recall.total)
    [confusion] = agreement.confusion
    assert ("tram", "", 40) == (confusion.reference, confusion.current, confusion.count)
    assert -1.0 == drift.detections.difference


async def test_few_images_prove_nothing(judging: Judging) -> None:
    """With fewer than 30 golden images nobody can know, and nothing is blocked."""
    check = (await judging.check(MISSED[:20])).check

    assert (pb.GOLDEN_VERDICT_INSUFFICIENT, False) == (check.verdict, check.blocks)
    assert 20 == check.missing_count
    assert [f"i{index:03}" for index in range(20, 40)] == list(check.details.missing)


async def test_no_golden_image_is_a_check_too(judging: Judging) -> None:
    """A round that lacks all golden images has neither drift nor agreement."""
    check = (await judging.check([image("other", "car")])).check

    assert (pb.GOLDEN_VERDICT_INSUFFICIENT, IMAGES) == (check.verdict, check.missing_count)
    assert not check.details.HasField("drift")
    assert not check.details.HasField("agreement")


async def test_other_classes_are_listed(judging: Judging) -> None:
    """A label outside the class map plays no part in the verdict."""
    check = (await judging.check(images("car", "tram", "bus"))).check

    assert pb.GOLDEN_VERDICT_PASS == check.verdict
    assert {"bus": IMAGES} == check.details.other_classes
    assert 2 * IMAGES == check.summary.detections


async def test_limits_are_the_golden_sets(judging: Judging) -> None:
    """A team whose objects are harder has set limits that let the same round only warn."""
    lenient = pb.GoldenLimits(
        class_change_fail=1, agreement_warn=0, agreement_fail=0, class_agreement_fail=0
    )
    named = (await judging.golden_set(TRUE, "lenient", limits=lenient)).name
    found = images("car", "tram")[:20] + images("car")[20:]

    assert pb.GOLDEN_VERDICT_FAIL == (await judging.check(found)).check.verdict
    check = (await judging.check(found, golden_set=named)).check
    assert pb.GOLDEN_VERDICT_WARN == check.verdict


async def test_a_round_sent_twice_adds_nothing(judging: Judging) -> None:
    """In whatever order: the answer is the check that is there, also to many at once."""
    first = await judging.check(MISSED)
    again = await judging.check(reversed(MISSED))
    many = await asyncio.gather(*(judging.check(TRUE, 2) for _ in range(8)))

    assert (True, False) == (first.added, again.added)
    assert first.check == again.check
    assert 1 == sum(answer.added for answer in many)
    assert 1 == len({answer.check.name for answer in many})
    assert [1, 2] == [check.round for check in await listed(judging)]


async def test_changed_annotations_are_refused(judging: Judging) -> None:
    """Under the key of a check there can be no others; what is there stays."""
    first = await judging.check(TRUE)
    error = await refusal(judging.check(MISSED))

    assert (errors.AlreadyExists, {"changed": "annotations"}) == (type(error), error.metadata)
    assert "round 1, schema '1', annotator 'ann', guideline '2'" in error.message
    [known] = await listed(judging)
    assert first.check.digest == known.digest
    assert not (await judging.gate()).blocked


async def test_the_history_is_by_round(judging: Judging) -> None:
    """Each round, schema, annotator and guideline is a check of its own, without details."""
    await judging.check(TRUE, 10)
    await judging.check(TRUE, 2)
    for changed in ("schema_version", "annotator", "guideline_version"):
        await judging.check(MISSED, 2, **{changed: "x"})
    found = await listed(judging)

    assert [2, 2, 2, 2, 10] == [check.round for check in found]
    assert 5 == len({check.name for check in found})
    assert not any(check.HasField("details") for check in found)
    request = pb.ListChecksRequest(parent=GOLDEN_SET, page_size=3)
    pages = [await judging.golden.ListChecks(request)]
    request.page_token = pages[0].next_page_token
    pages.append(await judging.golden.ListChecks(request))
    assert found == [check for page in pages for check in page.checks]


async def test_a_check_is_read_as_it_was_made(judging: Judging) -> None:
    """With all its details, also by a server that starts on the same data."""
    made = (await judging.check(CONFUSED)).check

    assert made == await judging.golden.GetCheck(pb.GetCheckRequest(name=made.name))
    [known] = await listed(judging)
    made.ClearField("details")
    assert made == known


async def test_what_is_not_there_is_not_found(judging: Judging) -> None:
    """Checks by an id that is none, and all of a golden set that is none."""
    made = (await judging.check(TRUE)).check.name
    for name in (f"{GOLDEN_SET}/checks/x", made[:-1] + "x", made.replace("1-", "2-")):
        error = await refusal(judging.golden.GetCheck(pb.GetCheckRequest(name=name)))
        assert errors.NotFound is type(error)
        assert name in error.message
    none = f"{GOLDEN_SET}x"
    for call in (
        judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=none)),
        judging.golden.ListChecks(pb.ListChecksRequest(parent=none)),
        judging.check(TRUE, golden_set=none),
    ):
        assert errors.NotFound is type(await refusal(call))


async def test_a_failed_check_blocks_until_the_next(judging: Judging) -> None:
    """The newest check counts, whatever its round; an older one sent again is no newer."""
    assert ("no golden check was made", False) == (
        (await judging.gate()).reason,
        (await judging.gate()).blocked,
    )
    await judging.check(MISSED, 2)
    gate = await judging.gate()
    assert gate.blocked
    assert gate.reason.startswith("round 2 failed golden set 'g': class 'tram' has 0 objects")
    await judging.check(TRUE, 1)
    assert not (await judging.gate()).blocked
    await judging.check(MISSED, 2)
    gate = await judging.gate()
    assert not gate.blocked
    assert [1] == [check.round for check in gate.checks]


async def test_each_golden_set_must_pass(judging: Judging) -> None:
    """One that passes does not speak for another one that fails."""
    other = (await judging.golden_set(TRUE, "other")).name
    await judging.check(MISSED, golden_set=other)
    await judging.check(TRUE)
    gate = await judging.gate()

    assert gate.blocked
    assert "'other'" in gate.reason
    assert {GOLDEN_SET, other} == {check.name.partition("/checks")[0] for check in gate.checks}


async def override(judging: Judging, name: str, reason: str, by: str = "") -> pb.GoldenCheck:
    """Override a check."""
    request = pb.OverrideCheckRequest(name=name, reason=reason, decided_by=by)
    return await judging.golden.OverrideCheck(request)


async def test_an_override_is_on_record(judging: Judging) -> None:
    """It unblocks, says who, when and why, and the first decision stays."""
    made = (await judging.check(MISSED)).check
    done = await override(judging, made.name, "trams are gone", "Ada")

    assert ("trams are gone", "Ada") == (done.override.reason, done.override.decided_by)
    assert done.override.api_key_id
    assert done.override.create_time.ToMicroseconds() >= made.create_time.ToMicroseconds()
    assert (pb.GOLDEN_VERDICT_FAIL, False) == (done.verdict, done.blocks)
    assert done == await override(judging, made.name, "trams are gone", "Ada")
    for reason, by in (("another reason", "Ada"), ("trams are gone", "Bob")):
        error = await refusal(override(judging, made.name, reason, by))
        assert errors.AlreadyExists is type(error)
        assert "by Ada: 'trams are gone'" in error.message
    gate = await judging.gate()
    assert (False, "a failed golden check is overridden") == (gate.blocked, gate.reason)
    assert done == (await judging.check(MISSED)).check


async def test_only_failed_checks_are_overridden(judging: Judging) -> None:
    """Where nothing is blocked there is nothing to decide, and no reason is no decision."""
    passed = (await judging.check(TRUE, 1)).check.name
    failed = (await judging.check(MISSED, 2)).check.name

    assert errors.FailedPrecondition is type(await refusal(override(judging, passed, "r")))
    error = await refusal(override(judging, failed, ""))
    assert (errors.InvalidArgument, "reason") == (type(error), error.fields[0].field)
    assert (await judging.gate()).blocked


async def test_reviewers_check_and_admins_override(
    judging: Judging, with_scopes: WithScopes
) -> None:
    """Who labels may bring rounds in, and may not wave them through."""
    reviewer = Judging(await with_scopes(project_pb2.SCOPE_REVIEW))
    failed = (await reviewer.check(MISSED)).check.name

    assert errors.PermissionDenied is type(await refusal(override(reviewer, failed, "r")))
    assert errors.PermissionDenied is type(await refusal(reviewer.golden_set(TRUE, "h")))
    assert (await reviewer.gate()).blocked


async def test_checks_outlive_the_server(settings: Settings) -> None:
    """Golden sets, checks and the gate are read from disk again."""
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        judging = Judging(channel)
        await judging.new_project()
        await judging.golden_set(TRUE)
        made = (await judging.check(MISSED)).check
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        judging = Judging(channel)
        assert made == await judging.golden.GetCheck(pb.GetCheckRequest(name=made.name))
        assert (await judging.gate()).blocked


async def test_many_images_come_in_one_message_or_many(judging: Judging) -> None:
    """How a round is cut into messages means nothing."""
    first = pb.CheckRoundRequest(golden_set=GOLDEN_SET, key=key_of(1), images=TRUE[:3])
    rest = iter(TRUE[3:])
    more = (pb.CheckRoundRequest(images=part) for part in iter(lambda: list(islice(rest, 8)), []))
    whole = await judging.golden.CheckRound(stream(first, *more))

    assert not (await judging.check(TRUE)).added
    assert pb.GOLDEN_VERDICT_PASS == whole.check.verdict
