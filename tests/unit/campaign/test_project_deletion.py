"""A deleted project leaves a tombstone, a mark and its counters, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.campaign.active_campaigns import ActiveCampaignWatcher
from services.campaign.campaigns import CampaignTerms
from services.campaign.commit import create_campaign
from services.campaign.datasets import create_dataset
from services.campaign.elements import add_elements
from services.campaign.project_deletion import delete_project
from services.campaign.projects import (
    create_api_key,
    create_project,
    get_project,
    list_projects,
)
from services.campaign.records import GENERATION
from services.doctor.findings import FindingKind, FindingOutcome
from services.ledger.interface import Transaction
from services.records.guarded_stores import guard_stores
from services.records.idempotency import IdempotentRequest
from services.records.project_marks import MARK
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.server.keys import PARTITION, Caller, KeyStore, Scope
from sluice.errors import AlreadyExists, NotFound, Unauthenticated, Unavailable
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName
from tests.faults.crashes import CrashCountdown, CrashError
from tests.unit.campaign.campaign_service import (
    ALL,
    ELEMENTS,
    ONCE,
    PROJECT,
    CampaignService,
    make_frames,
)
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.fake_reviews import FakeResourcePurges
from tests.unit.campaign.faults import InterceptedStore

TOKEN = "internal"  # noqa: S105 - it opens nothing
ADMIN = Caller("k", "", frozenset(Scope))
COUNTS = DeletionCounts(campaigns=1, issues=1, datasets=1, elements=3, members=5, keys=2, samples=2)


def keys_of(stores: Stores) -> KeyStore:
    """The keys of all projects."""
    return KeyStore(stores.ledger, pepper=b"pepper", internal_token=TOKEN)


async def fill(service: CampaignService) -> list[str]:
    """A campaign of two versions, a background and two keys; the keys."""
    await service.set_background()
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.add_frames(issue, "c")
    await service.commit_version(campaign)
    keys = keys_of(service.stores)
    return [
        (await create_api_key(service.stores, keys, PROJECT, "", [Scope.ADMIN])).token
        for _ in range(2)
    ]


async def delete(
    service: CampaignService,
    *,
    validate_only: bool = False,
    purges: FakeResourcePurges | None = None,
) -> DeletionCounts:
    """Delete the project."""
    stores = guard_stores(service.stores)
    purges = purges or FakeResourcePurges()
    return await delete_project(stores, purges, PROJECT, validate_only=validate_only)


async def list_leftovers(service: CampaignService) -> list[str]:
    """The records and collections of the project, and the blobs of all projects."""
    stores = service.stores
    records = [entry.key for entry in await stores.ledger.scan(PROJECT.project, "", limit=1_000)]
    collections = [str(c) for c in await stores.vectors.collections(PROJECT.project)]
    everything = datetime.now(UTC) + timedelta(hours=1)
    return [*records, *collections, *await stores.blobs.list_before(everything, after="", limit=99)]


async def test_nothing_but_the_mark_is_left(service: CampaignService) -> None:
    """Records, vectors and files are gone, keys open nothing, counters stay, doctors are quiet."""
    tokens = await fill(service)
    generation = (await service.stores.ledger.counters("p", [GENERATION]))[GENERATION]
    purges = FakeResourcePurges()

    assert COUNTS == await delete(service, purges=purges)

    assert [MARK] == await list_leftovers(service)
    assert [PROJECT] == purges.purged
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await keys_of(service.stores).verify(token)
    with pytest.raises(NotFound, match="projects/p does not exist: it was deleted"):
        await get_project(service.stores, PROJECT)
    assert ([], "") == await list_projects(service.stores, ADMIN, ALL)
    counters = await service.stores.ledger.counters("p", [GENERATION])
    assert generation < counters[GENERATION]
    for later in (False, True):
        assert [] == await examine(service, later=later)


async def test_the_answer_is_the_same_again(service: CampaignService) -> None:
    """A preview changes nothing, and has the answer of the deletion and of its repetitions."""
    await fill(service)
    before = await list_leftovers(service)

    preview = await delete(service, validate_only=True)

    assert before == await list_leftovers(service)
    answers = [await delete(service), await delete(service)]
    assert [preview] * 3 == [*answers, await delete(service, validate_only=True)]
    with pytest.raises(NotFound, match="projects/never does not exist"):
        await delete_project(
            service.stores, FakeResourcePurges(), ProjectName("never"), validate_only=False
        )


async def test_the_id_is_not_used_again(service: CampaignService) -> None:
    """Neither a new request nor the one that created the project brings its id back."""
    request = IdempotentRequest.of("CreateProject", str(uuid4()), b"q")
    await create_project(service.stores, request, "q", "a display name")
    q, purges = ProjectName("q"), FakeResourcePurges()

    await delete_project(service.stores, purges, q, validate_only=False)

    for again in (request, ONCE):
        with pytest.raises(AlreadyExists, match="'q' was deleted, and its id is not used again"):
            await create_project(service.stores, again, "q", "")
    records = await service.stores.ledger.scan(PARTITION, "", limit=100)
    assert not [entry.key for entry in records if b"a display name" in entry.value]
    assert PROJECT.project == (await get_project(service.stores, PROJECT)).id


async def test_files_that_another_project_names_stay(service: CampaignService) -> None:
    """A project with the same background keeps it: all projects share one blob store."""
    await fill(service)
    await create_project(service.stores, ONCE, "q", "")
    [space] = await service.stores.ledger.scan("p", "space/", limit=2)
    await service.stores.ledger.commit(Transaction("q", puts={space.key: space.value}))

    await delete(service)

    assert [MARK] == (await list_leftovers(service))[:1]
    assert 2 == len(await list_leftovers(service))


async def test_a_deletion_that_crashed_is_completed(service: CampaignService) -> None:
    """Wherever it stops, the project is listed until the doctor or the request completes it."""
    await fill(service)
    countdown = CrashCountdown()
    crashing = CampaignService(countdown.wrap(service.stores))
    stops = 0
    while (await list_projects(service.stores, ADMIN, ALL))[0]:
        stops += 1
        countdown.start(stops, last_is_made=True)
        with pytest.raises(CrashError):
            await delete(crashing)
        countdown.stop()
        assert [] == await examine(service, later=False)
    assert stops > 5

    assert COUNTS == await delete(service)
    assert [MARK] == await list_leftovers(service)
    assert [] == await examine(service)


@pytest.mark.parametrize("at", [1, 2, 4, 6])
async def test_the_doctor_completes_a_deletion(service: CampaignService, at: int) -> None:
    """After an hour it reports the deletion, and a repair completes it."""
    await fill(service)
    countdown = CrashCountdown()
    countdown.start(at, last_is_made=True)
    with pytest.raises(CrashError):
        await delete(CampaignService(countdown.wrap(service.stores)))

    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [finding] = [f for f in await examine(service, repair=repair) if f.subject == str(PROJECT)]
        assert (FindingKind.DELETION_UNFINISHED, outcome) == (finding.kind, finding.outcome)

    assert [MARK] == await list_leftovers(service)
    assert [] == await examine(service)
    assert COUNTS == await delete(service)


async def test_another_service_that_is_away_stops_a_deletion(service: CampaignService) -> None:
    """The same request completes it once the service is back; until then calls are refused."""
    tokens = await fill(service)
    purges = FakeResourcePurges(Unavailable("ingest is away"))

    with pytest.raises(Unavailable):
        await delete(service, purges=purges)

    with pytest.raises(NotFound, match="it was deleted"):
        await get_project(service.stores, PROJECT)
    with pytest.raises(Unauthenticated):
        await keys_of(service.stores).verify(tokens[0])
    [listed], _ = await list_projects(service.stores, ADMIN, ALL)
    assert listed.deleted_us
    assert COUNTS == await delete(service, purges=purges)
    assert [MARK] == await list_leftovers(service)


async def add_late(service: CampaignService) -> None:
    """Add elements."""
    issue = await service.create_issue()
    await add_elements(service.stores, issue, make_frames("late"))


async def commit_late(service: CampaignService) -> None:
    """Start a campaign."""
    issue = await service.create_issue("x")
    await create_campaign(service.stores, ONCE, PROJECT, issue, CampaignTerms())


async def create_late_dataset(service: CampaignService) -> None:
    """Create a dataset."""
    name = DatasetName("p", "late")
    await create_dataset(service.stores, ONCE, name, "", TaskType.BOX_2D, [])


async def create_late_key(service: CampaignService) -> None:
    """Create a key."""
    await create_api_key(service.stores, keys_of(service.stores), PROJECT, "", [Scope.LOG])


@pytest.mark.parametrize("call", [add_late, commit_late, create_late_dataset, create_late_key])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_late_call_stores_nothing(
    service: CampaignService, call: Callable[[CampaignService], Awaitable[None]], at: int
) -> None:
    """A call that a deletion overtakes at any commit is refused, and leaves nothing readable."""
    await fill(service)
    commits = 0

    async def commit(real: Callable[..., Awaitable[None]], transaction: Transaction) -> None:
        nonlocal commits
        commits += 1
        if commits == at:
            await delete(service)
        await real(transaction)

    ledger = InterceptedStore(service.stores.ledger, "commit", commit)
    late = guard_stores(service.with_stores(ledger=ledger).stores)
    with suppress(NotFound):
        await call(CampaignService(late))
        await delete(service)

    stored = service.stores.ledger
    assert [] == await stored.scan(PARTITION, "project-key/p/", limit=10)
    assert [MARK] == [entry.key for entry in await stored.scan("p", "", limit=10)]
    assert [] == await service.stores.vectors.tenants(ELEMENTS)


async def test_watches_of_a_deleted_project_end(service: CampaignService) -> None:
    """A scorer that follows the project learns that it does not exist any more."""
    await fill(service)
    watch = ActiveCampaignWatcher(service.stores).watch(PROJECT)
    assert 1 == len((await anext(watch)).campaigns)

    await delete(service)

    with pytest.raises(NotFound, match="it was deleted"):
        await anext(watch)


async def test_the_doctor_removes_what_an_older_process_left(service: CampaignService) -> None:
    """Records and points that were stored without the guard are reported and removed."""
    await fill(service)
    await delete(service)
    await service.stores.ledger.commit(Transaction("p", puts={"frame/d/late": b"x"}))

    [finding] = await examine(service, repair=True)

    assert (FindingKind.DELETION_UNFINISHED, str(PROJECT)) == (finding.kind, finding.subject)
    assert [MARK] == await list_leftovers(service)
    assert [] == await examine(service)
