"""Golden checks over gRPC: the verdict on a round, its history, and the gate."""

from __future__ import annotations

import asyncio
from itertools import islice

import grpc
import pytest

from services.embedded.process import serve
from services.server.settings import Settings
from sluice import errors
from sluice.channel import connect
from sluice.v1 import frame_pb2, project_pb2
from sluice.v1 import golden_set_pb2 as pb
from tests.rpc.conftest import WithScopes
from tests.rpc.curation.judging import (
    GOLDEN_SET,
    IMAGES,
    Judging,
    image,
    images,
    raised_error,
    round_key,
    stream,
)

GOLDEN_IMAGES = images("car", "tram")
MISSED_TRAMS = images("car")
TRAMS_AS_CARS = images("car", "car")


@pytest.fixture
async def judging(admin: grpc.aio.Channel, project: str) -> Judging:
    """The services with the admin's key; golden set `g` has a car and a tram in each image."""
    services = Judging(admin)
    await services.create_dataset()
    await services.create_golden_set(GOLDEN_IMAGES)
    return services


async def list_checks(judging: Judging) -> list[pb.GoldenCheck]:
    """List the checks of the golden set."""
    return list((await judging.golden.ListChecks(pb.ListChecksRequest(parent=GOLDEN_SET))).checks)


async def test_the_same_labels_pass(judging: Judging) -> None:
    """A round with the golden labels passes without findings, among other images."""
    response = await judging.check_round([*GOLDEN_IMAGES, image("other", "car", "car", "car")])
    check, details = response.check, response.check.details

    assert response.added
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
    """A class missing from the round fails by test and by agreement, and the reason names it."""
    check = (await judging.check_round(MISSED_TRAMS)).check
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
    """With fewer than 30 golden images the verdict is INSUFFICIENT and blocks nothing."""
    check = (await judging.check_round(MISSED_TRAMS[:20])).check

    assert (pb.GOLDEN_VERDICT_INSUFFICIENT, False) == (check.verdict, check.blocks)
    assert 20 == check.missing_count
    assert [f"i{index:03}" for index in range(20, 40)] == list(check.details.missing)


async def test_a_round_without_golden_images_is_refused(judging: Judging) -> None:
    """The error has images of both sides, and the round can be checked under the same key."""
    error = await raised_error(judging.check_round([image("data/i000.png", "car")]))

    assert errors.InvalidArgument is type(error)
    assert (
        "images: none of the round's 1 images is in the golden set, which has 'i000', 'i001', "
        "'i002', …; the round has 'data/i000.png'" == error.message
    )
    assert [] == await list_checks(judging)
    assert (await judging.check_round(GOLDEN_IMAGES)).added


async def test_an_insufficient_check_keeps_the_earlier_verdict(judging: Judging) -> None:
    """Too few images neither block the next batch nor unblock it."""
    await judging.check_round(MISSED_TRAMS[:20], 1)
    insufficient = await judging.get_gate()
    await judging.check_round(MISSED_TRAMS, 2)
    await judging.check_round(GOLDEN_IMAGES[:20], 3)
    blocked = await judging.get_gate()
    await judging.check_round(GOLDEN_IMAGES, 4)
    await judging.check_round(MISSED_TRAMS[:20], 5)
    passed = await judging.get_gate()

    gates = [
        (gate.blocked, [check.round for check in gate.checks])
        for gate in (insufficient, blocked, passed)
    ]
    assert [(False, [1]), (True, [2]), (False, [4])] == gates


async def test_concurrent_checks_never_hide_a_failure(judging: Judging) -> None:
    """Of checks that are added at once, an insufficient one is never the one that decides."""
    rounds = [MISSED_TRAMS if number == 4 else GOLDEN_IMAGES[:20] for number in range(8)]
    await asyncio.gather(*(judging.check_round(rounds[n], n) for n in range(8)))

    assert [4] == [check.round for check in (await judging.get_gate()).checks]


async def test_other_classes_are_listed(judging: Judging) -> None:
    """Labels outside the class map are listed and do not count in the verdict."""
    check = (await judging.check_round(images("car", "tram", "bus"))).check

    assert pb.GOLDEN_VERDICT_PASS == check.verdict
    assert {"bus": IMAGES} == check.details.other_classes
    assert {} == check.details.suggested_classes
    assert (2 * IMAGES, IMAGES) == (check.summary.detections, check.summary.other_labels)
    assert [IMAGES] == [check.summary.other_labels for check in await list_checks(judging)]


async def test_long_lists_are_cut(judging: Judging, monkeypatch: pytest.MonkeyPatch) -> None:
    """The details have the first items: classes by name, confusion by frequency."""
    monkeypatch.setattr("services.curation.servicer.golden_messages.LISTED_MAX", 1)
    annotated = [*images("car", "cab", "axle", count=37), image("i038", "car", "car")]
    details = (await judging.check_round(annotated)).check.details

    assert {"axle": 37} == dict(details.other_classes)
    assert ["i037"] == details.missing
    assert [pb.GoldenAgreement.Confusion(reference="tram", count=37)] == list(
        details.agreement.confusion
    )


async def test_a_class_in_another_case_is_named(judging: Judging) -> None:
    """A round that calls its cars otherwise fails, and says what the name may mean."""
    check = (await judging.check_round(images("Car", "Tram"))).check

    assert (pb.GOLDEN_VERDICT_FAIL, True) == (check.verdict, check.blocks)
    assert "'Car' (40; did you mean 'car'?), 'Tram' (40; did you mean 'tram'?)" in check.reason
    assert {"Car": "car", "Tram": "tram"} == check.details.suggested_classes


async def test_crowds_of_a_golden_set_absorb(judging: Judging) -> None:
    """Cars that a round draws within a crowd do not count, and the crowd is not missed."""
    golden_images = images("car")
    for golden_image in golden_images:
        crowd = golden_image.labels.add(class_name="car", crowd=True)
        crowd.box_2d.MergeFrom(frame_pb2.Box2D(left=100, top=0, width=300, height=100))
    crowds = await judging.create_golden_set(golden_images, "crowds")
    drawn = images("car", *["tram"] * 3)
    for annotated in drawn:
        for label in annotated.labels[1:]:
            label.class_name = "car"
            label.box_2d.left += 100
    for number, annotated_images in enumerate((drawn, images("car"), golden_images)):
        check = (await judging.check_round(annotated_images, number, crowds.name)).check

        assert (pb.GOLDEN_VERDICT_PASS, IMAGES) == (
            check.verdict,
            check.details.agreement.precision.total,
        )
    assert (IMAGES, 2 * IMAGES) == (crowds.crowd_count, crowds.label_count)
    assert IMAGES == check.summary.crowds


async def test_limits_are_the_golden_sets(judging: Judging) -> None:
    """The limits of a golden set decide whether the same round fails or only warns."""
    lenient = pb.GoldenLimits(
        class_change_fail=1, agreement_warn=0, agreement_fail=0, class_agreement_fail=0
    )
    lenient_set = (await judging.create_golden_set(GOLDEN_IMAGES, "lenient", limits=lenient)).name
    annotated = images("car", "tram")[:20] + images("car")[20:]

    assert pb.GOLDEN_VERDICT_FAIL == (await judging.check_round(annotated)).check.verdict
    check = (await judging.check_round(annotated, golden_set=lenient_set)).check
    assert pb.GOLDEN_VERDICT_WARN == check.verdict


async def test_a_round_sent_twice_adds_nothing(judging: Judging) -> None:
    """Repeated checks, reordered or concurrent, return the check that exists."""
    first = await judging.check_round(MISSED_TRAMS)
    repeated = await judging.check_round(reversed(MISSED_TRAMS))
    responses = await asyncio.gather(*(judging.check_round(GOLDEN_IMAGES, 2) for _ in range(8)))

    assert (True, False) == (first.added, repeated.added)
    assert first.check == repeated.check
    assert 1 == sum(response.added for response in responses)
    assert 1 == len({response.check.name for response in responses})
    assert [1, 2] == [check.round for check in await list_checks(judging)]


async def test_changed_annotations_are_refused(judging: Judging) -> None:
    """Other annotations under the key of a check are refused, and the stored check stays."""
    first = await judging.check_round(GOLDEN_IMAGES)
    error = await raised_error(judging.check_round(MISSED_TRAMS))

    assert (errors.AlreadyExists, {"changed": "annotations"}) == (type(error), error.metadata)
    assert "round 1, schema '1', annotator 'ann', guideline '2'" in error.message
    [stored] = await list_checks(judging)
    assert first.check.digest == stored.digest
    assert not (await judging.get_gate()).blocked


async def test_the_history_is_by_round(judging: Judging) -> None:
    """Checks are listed by round without details, one per schema, annotator and guideline."""
    await judging.check_round(GOLDEN_IMAGES, 10)
    await judging.check_round(GOLDEN_IMAGES, 2)
    for field in ("schema_version", "annotator", "guideline_version"):
        await judging.check_round(MISSED_TRAMS, 2, **{field: "x"})
    checks = await list_checks(judging)

    assert [2, 2, 2, 2, 10] == [check.round for check in checks]
    assert 5 == len({check.name for check in checks})
    assert not any(check.HasField("details") for check in checks)
    request = pb.ListChecksRequest(parent=GOLDEN_SET, page_size=3)
    pages = [await judging.golden.ListChecks(request)]
    request.page_token = pages[0].next_page_token
    pages.append(await judging.golden.ListChecks(request))
    assert checks == [check for page in pages for check in page.checks]


async def test_a_check_is_read_as_it_was_made(judging: Judging) -> None:
    """A check is read with all details, and listed without them."""
    check = (await judging.check_round(TRAMS_AS_CARS)).check

    assert check == await judging.golden.GetCheck(pb.GetCheckRequest(name=check.name))
    [stored] = await list_checks(judging)
    check.ClearField("details")
    assert check == stored


async def test_what_is_not_there_is_not_found(judging: Judging) -> None:
    """A missing check or golden set is NOT_FOUND."""
    check_name = (await judging.check_round(GOLDEN_IMAGES)).check.name
    for name in (f"{GOLDEN_SET}/checks/x", check_name[:-1] + "x", check_name.replace("1-", "2-")):
        error = await raised_error(judging.golden.GetCheck(pb.GetCheckRequest(name=name)))
        assert errors.NotFound is type(error)
        assert name in error.message
    missing = f"{GOLDEN_SET}x"
    for call in (
        judging.golden.GetGoldenSet(pb.GetGoldenSetRequest(name=missing)),
        judging.golden.ListChecks(pb.ListChecksRequest(parent=missing)),
        judging.check_round(GOLDEN_IMAGES, golden_set=missing),
    ):
        assert errors.NotFound is type(await raised_error(call))


async def test_a_failed_check_blocks_until_the_next(judging: Judging) -> None:
    """The newest check decides, whatever its round; sending an older one again changes nothing."""
    assert ("no golden check was made", False) == (
        (await judging.get_gate()).reason,
        (await judging.get_gate()).blocked,
    )
    await judging.check_round(MISSED_TRAMS, 2)
    gate = await judging.get_gate()
    assert gate.blocked
    assert gate.reason.startswith("round 2 failed golden set 'g': class 'tram' has 0 objects")
    await judging.check_round(GOLDEN_IMAGES, 1)
    assert not (await judging.get_gate()).blocked
    await judging.check_round(MISSED_TRAMS, 2)
    gate = await judging.get_gate()
    assert not gate.blocked
    assert [1] == [check.round for check in gate.checks]


async def test_each_golden_set_must_pass(judging: Judging) -> None:
    """A golden set that fails blocks, even if another one passes."""
    other_set = (await judging.create_golden_set(GOLDEN_IMAGES, "other")).name
    await judging.check_round(MISSED_TRAMS, golden_set=other_set)
    await judging.check_round(GOLDEN_IMAGES)
    gate = await judging.get_gate()

    assert gate.blocked
    assert "'other'" in gate.reason
    newest_first = [check.name.partition("/checks")[0] for check in gate.checks]
    assert [GOLDEN_SET, other_set] == newest_first


async def override(
    judging: Judging, name: str, reason: str, decided_by: str = ""
) -> pb.GoldenCheck:
    """Override a check."""
    request = pb.OverrideCheckRequest(name=name, reason=reason, decided_by=decided_by)
    return await judging.golden.OverrideCheck(request)


async def test_an_override_is_on_record(judging: Judging) -> None:
    """An override unblocks, records who, when and why, and cannot be changed."""
    check = (await judging.check_round(MISSED_TRAMS)).check
    overridden = await override(judging, check.name, "trams are gone", "Ada")

    assert ("trams are gone", "Ada") == (overridden.override.reason, overridden.override.decided_by)
    assert overridden.override.api_key_id
    assert overridden.override.create_time.ToMicroseconds() >= check.create_time.ToMicroseconds()
    assert (pb.GOLDEN_VERDICT_FAIL, False) == (overridden.verdict, overridden.blocks)
    assert overridden == await override(judging, check.name, "trams are gone", "Ada")
    for reason, decided_by in (("another reason", "Ada"), ("trams are gone", "Bob")):
        error = await raised_error(override(judging, check.name, reason, decided_by))
        assert errors.AlreadyExists is type(error)
        assert "by Ada: 'trams are gone'" in error.message
    gate = await judging.get_gate()
    assert (False, "a failed golden check is overridden") == (gate.blocked, gate.reason)
    assert overridden == (await judging.check_round(MISSED_TRAMS)).check


async def test_only_failed_checks_are_overridden(judging: Judging) -> None:
    """A check that blocks nothing cannot be overridden, and an override needs a reason."""
    passed = (await judging.check_round(GOLDEN_IMAGES, 1)).check.name
    failed = (await judging.check_round(MISSED_TRAMS, 2)).check.name

    assert errors.FailedPrecondition is type(await raised_error(override(judging, passed, "r")))
    error = await raised_error(override(judging, failed, ""))
    assert (errors.InvalidArgument, "reason") == (type(error), error.fields[0].field)
    assert (await judging.get_gate()).blocked


async def test_reviewers_check_and_admins_override(
    judging: Judging, with_scopes: WithScopes
) -> None:
    """The review scope may check rounds, but neither override checks nor create golden sets."""
    reviewer = Judging(await with_scopes(project_pb2.SCOPE_REVIEW))
    failed = (await reviewer.check_round(MISSED_TRAMS)).check.name

    assert errors.PermissionDenied is type(await raised_error(override(reviewer, failed, "r")))
    assert errors.PermissionDenied is type(
        await raised_error(reviewer.create_golden_set(GOLDEN_IMAGES, "h"))
    )
    assert (await reviewer.get_gate()).blocked


async def test_checks_outlive_the_server(settings: Settings) -> None:
    """Golden sets, checks and the gate survive a restart of the server."""
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        judging = Judging(channel)
        await judging.create_project()
        await judging.create_golden_set(GOLDEN_IMAGES)
        check = (await judging.check_round(MISSED_TRAMS)).check
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        judging = Judging(channel)
        assert check == await judging.golden.GetCheck(pb.GetCheckRequest(name=check.name))
        assert (await judging.get_gate()).blocked


async def test_many_images_come_in_one_message_or_many(judging: Judging) -> None:
    """How a round is split into messages does not matter."""
    first = pb.CheckRoundRequest(golden_set=GOLDEN_SET, key=round_key(1), images=GOLDEN_IMAGES[:3])
    remaining_images = iter(GOLDEN_IMAGES[3:])
    batches = iter(lambda: list(islice(remaining_images, 8)), [])
    further = (pb.CheckRoundRequest(images=batch) for batch in batches)
    response = await judging.golden.CheckRound(stream(first, *further))

    assert not (await judging.check_round(GOLDEN_IMAGES)).added
    assert pb.GOLDEN_VERDICT_PASS == response.check.verdict
