"""Clocks of ingest processes that step back an hour, or differ by one: nothing waits or is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from deploy.local import cluster as local
from deploy.local.cluster import Cluster
from sluice import errors
from tests.faults.fleet import Fleet, Logger, Scored
from tests.faults.waiting import wait_until

PROGRAM = Path(__file__).with_name("shifted_ingest.py")
INGESTERS = ("ingest-0", "ingest-1")
HOUR_S, DAY_S = 3_600, 86_400
PER_DAY = 4
VECTORS = 60


class Clocks:
    """The clocks of the ingesters, right at first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.set(0, 0)

    def set(self, *offsets_s: float) -> None:
        """Set each clock so many seconds ahead."""
        for name, offset_s in zip(INGESTERS, offsets_s, strict=True):
            written = self.file(name).with_suffix(".new")
            written.write_text(str(offset_s))
            written.rename(self.file(name))

    def file(self, name: str) -> Path:
        """Where a process reads how its clock is."""
        return self._folder / f"{name}.clock"


@pytest.fixture(scope="module")
def shared_clocks(tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    """The clocks of the module's cluster."""
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture(scope="module")
def clocked_cluster(
    shared_clocks: Clocks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A cluster with two ingesters, whose clocks tests set."""
    programs = {name: (str(PROGRAM), str(shared_clocks.file(name))) for name in INGESTERS}
    folder = tmp_path_factory.mktemp("clocked")
    with local.running(folder / "cluster", ingesters=2, programs=programs) as started:
        yield started


@pytest.fixture
def cluster(clocked_cluster: Cluster) -> Cluster:
    """The same, all of which runs."""
    clocked_cluster.start()
    return clocked_cluster


@pytest.fixture
def clocks(shared_clocks: Clocks) -> Clocks:
    """The clocks, all right."""
    shared_clocks.set(0, 0)
    return shared_clocks


@pytest.fixture
def loggers(fleet: Fleet) -> list[Logger]:
    """A logger for each ingester."""
    return [fleet.logger(fleet.cluster.address(name)) for name in INGESTERS]


@pytest.fixture
def scored(fleet: Fleet) -> Scored:
    """Frames to submit."""
    return fleet.score("x", *(f"v{index}" for index in range(VECTORS)))


def submit(logger: Logger, scored: Scored, name: str, matches: int = 3) -> None:
    """Submit batches of a frame that matches and one that does not, until they are acknowledged."""
    for index in range(matches):
        vector = f"v{(len(logger.batches) * 7 + index) % VECTORS}"
        logger.submit(scored.batch({f"{name}-{index}": vector, f"{name}-{index}-x": "x"}))
    logger.session.flush()


def wait_for_projection(fleet: Fleet) -> None:
    """Wait until nothing is pending; an hour would be too long."""

    def decided() -> bool:
        try:
            return not fleet.team.samples.funnel(fleet.campaign).pending
        except errors.Unavailable:  # the connection was to a process that has ended since
            return False

    wait_until(decided)


def test_a_clock_that_steps_back_stops_nothing(
    fleet: Fleet, clocks: Clocks, loggers: Sequence[Logger], scored: Scored
) -> None:
    """After all clocks were set back an hour, whoever holds the lease and who does not go on."""
    clocks.set(HOUR_S, HOUR_S)
    for index, logger in enumerate(loggers):
        submit(logger, scored, f"before-{index}")
        wait_for_projection(fleet)
    clocks.set(0, 0)
    for index, logger in enumerate(loggers):
        submit(logger, scored, f"after-{index}")
        wait_for_projection(fleet)
    fleet.check_accounts()


def test_a_lease_of_the_dead_from_the_future_ends(
    fleet: Fleet, clocks: Clocks, loggers: Sequence[Logger], scored: Scored
) -> None:
    """A projector that died while its clock was an hour ahead bars nobody for that hour."""
    fleet.cluster.processes["ingest-1"].stop()
    clocks.set(HOUR_S, 0)
    submit(loggers[0], scored, "ahead")
    wait_for_projection(fleet)
    fleet.cluster.processes["ingest-0"].kill()
    fleet.cluster.processes["ingest-1"].start()
    submit(loggers[1], scored, "heir")
    wait_for_projection(fleet)
    fleet.cluster.processes["ingest-0"].start()
    fleet.check_accounts()


def test_clocks_that_differ_by_an_hour(
    fleet: Fleet, clocks: Clocks, loggers: Sequence[Logger], scored: Scored
) -> None:
    """Two ingesters whose clocks differ both take batches, and the matches of both are decided."""
    clocks.set(0, HOUR_S)
    for round_number in range(3):
        for index, logger in enumerate(loggers):
            submit(logger, scored, f"{round_number}-{index}")
        wait_for_projection(fleet)
    clocks.set(HOUR_S, 0)
    for index, logger in enumerate(loggers):
        submit(logger, scored, f"swapped-{index}")
    fleet.check_accounts()


def seconds_until_midnight() -> float:
    """How far the clock is from the next day, UTC."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()


def day_at(offset_s: float) -> str:
    """The day by a clock that is so far off."""
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).date().isoformat()


def wait_for_the_budget(
    fleet: Fleet, clocks: Clocks, loggers: Sequence[Logger], scored: Scored
) -> None:
    """Have the budget of some other day used up, so that each ingester is seen to know of it."""
    clocks.set(10 * DAY_S, 10 * DAY_S)
    for index, logger in enumerate(loggers):
        verdicts = logger.session.outcomes.verdicts
        number = count()
        while not verdicts[fleet.campaign, "over_budget"]:
            submit(logger, scored, f"probe-{index}-{next(number)}", matches=1)


def test_a_step_back_over_midnight_leaves_both_days_their_budget(
    fleet: Fleet, clocks: Clocks, loggers: Sequence[Logger], scored: Scored
) -> None:
    """A budget per day holds for each day by the clock of receipt, in whatever order they come."""
    fleet.team.campaigns.set_budget(fleet.campaign, per_day=PER_DAY)
    wait_for_the_budget(fleet, clocks, loggers, scored)
    before = fleet.verdicts
    tomorrow = seconds_until_midnight() + HOUR_S / 2
    today = tomorrow - HOUR_S
    days = [day_at(today), day_at(tomorrow)]
    for name, offset_s in (("first", tomorrow), ("back", today), ("again", tomorrow)):
        clocks.set(offset_s, offset_s)
        for index, logger in enumerate(loggers):
            submit(logger, scored, f"{name}-{index}", matches=PER_DAY)
    stored = fleet.check_accounts()
    used = [stored.budget_used_by_day[day] for day in days]
    assert max(used) <= PER_DAY
    assert min(used) > 0
    verdicts = fleet.verdicts - before
    assert 3 * len(loggers) * PER_DAY == verdicts["pending"] + verdicts["over_budget"]
    assert verdicts["over_budget"] >= PER_DAY
