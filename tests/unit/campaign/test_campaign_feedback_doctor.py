"""The doctor on versions with feedback: quiet when they are right, and what it can mend of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from services.campaign import points
from services.campaign.records import ElementEntry
from services.doctor.findings import FindingKind, FindingOutcome
from services.vectors.interface import Points
from sluice.errors import Unavailable
from tests.unit.campaign.faults import failing
from tests.unit.campaign.said import Said
from tests.unit.campaign.tampering import ELEMENTS, Scene, scene
from tests.unit.campaign.test_campaign_doctor import examine, state
from tests.unit.campaign.world import World

Tamper = Callable[[Scene], Awaitable[None]]


@pytest.fixture
async def of(here: World) -> Scene:
    """A campaign whose two newest versions took in an accepted sample and a negative each."""
    found = await scene(here)
    await here.commit(found.campaign, Said("m p", "x y"))
    await here.commit(found.campaign, Said("m q", "x z"))
    return found


async def member(of: Scene, frame_id: str) -> tuple[str, Points]:
    """The tenant of the newest snapshot, and the point of a member of it."""
    digest = (await of.record()).version.snapshot_digest
    tenant = points.snapshot_tenant(of.campaign, digest)
    entry = ElementEntry(frame_id=frame_id, digest=b"")
    ids = [points.snapshot_point(of.campaign, digest, entry)]
    return tenant, await of.world.stores.vectors.retrieve(ELEMENTS, tenant, ids)


async def lose(of: Scene, frame_id: str) -> None:
    """Delete a point of the newest snapshot."""
    tenant, found = await member(of, frame_id)
    await of.world.stores.vectors.delete(ELEMENTS, tenant, found.ids)


async def alter(of: Scene, frame_id: str, turned: int = 0, **payload: str) -> None:
    """Write a point of the newest snapshot with another vector, or with another payload."""
    tenant, found = await member(of, frame_id)
    other = Points(found.ids, np.roll(found.vectors, turned), [{**found.payloads[0], **payload}])
    await of.world.stores.vectors.write(ELEMENTS, tenant, other)


async def accepted_missing(of: Scene) -> None:
    """The point of an accepted sample is gone."""
    await lose(of, "m")


async def negative_missing(of: Scene) -> None:
    """The point of a negative is gone."""
    await lose(of, "x")


async def negative_altered(of: Scene) -> None:
    """A negative has another vector, of length 1 too."""
    await alter(of, "x", turned=1)


async def negative_called_accepted(of: Scene) -> None:
    """A negative says that it was accepted."""
    await alter(of, "x", review="accepted")


async def manifest_damaged(of: Scene) -> None:
    """The manifest is gone; the issue, and the samples' points, are as they were."""
    await of.world.stores.blobs.delete((await of.record()).version.snapshot_digest)


async def model_damaged(of: Scene) -> None:
    """The scoring model is gone."""
    await of.world.stores.blobs.delete((await of.record()).version.model_digest)


async def unbound(of: Scene) -> None:
    """A commit with feedback died before it could bind its version."""
    here = of.world
    stores = here.having(blobs=failing(here.stores.blobs, "put", at=2))
    with pytest.raises(Unavailable):
        await stores.commit(of.campaign, Said("n", "w"))
    [making] = await here.stores.ledger.scan("p", "making/", limit=2)
    await here.stores.blobs.delete(making.key.rpartition("/")[2])


MENDED: list[tuple[Tamper, FindingKind]] = [
    (accepted_missing, FindingKind.SNAPSHOT_POINTS),
    (negative_missing, FindingKind.SNAPSHOT_POINTS),
    (negative_altered, FindingKind.SNAPSHOT_POINTS),
    (negative_called_accepted, FindingKind.SNAPSHOT_POINTS),
    (manifest_damaged, FindingKind.BLOB_DAMAGED),
    (model_damaged, FindingKind.BLOB_DAMAGED),
    (unbound, FindingKind.SNAPSHOT_UNBOUND),
]


@pytest.mark.parametrize("later", [False, True])
async def test_versions_with_feedback_are_quiet(of: Scene, later: bool) -> None:
    """Whatever becomes of issue and reviews, what versions took in is left alone."""
    here = of.world
    await here.commit(of.campaign)
    await here.add(of.issue, "m", "x", seed=1)
    await here.commit(of.campaign, Said("p", "m y"))
    before = await state(of)
    assert [] == await examine(here, repair=True, later=later)
    assert before == await state(of)


@pytest.mark.parametrize(("tamper", "kind"), MENDED)
async def test_what_differs_is_named_and_mended(
    of: Scene, tamper: Tamper, kind: FindingKind
) -> None:
    """It alone is named, and a repair brings back what was, from other versions where it must."""
    before = await state(of)
    await tamper(of)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [found] = await examine(of.world, repair=repair)
        assert (kind, outcome) == (found.kind, found.outcome), found
    assert [] == await examine(of.world)
    assert before == await state(of)


@pytest.mark.parametrize("frame_id", ["q", "z"])
async def test_a_sample_of_no_other_version_is_lost(of: Scene, frame_id: str) -> None:
    """The vector of a sample that only one version took in is said to be lost."""
    await alter(of, frame_id, turned=1)
    for repair in (False, True, False):
        [found] = await examine(of.world, repair=repair)
        assert (FindingKind.SNAPSHOT_POINTS, FindingOutcome.LOST) == (found.kind, found.outcome)
        assert "1 of them missing or others, 1 lost" == found.actual
