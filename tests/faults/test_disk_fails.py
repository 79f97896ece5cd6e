"""The disk of a `sluiced` fails while loggers submit, and the server is started again on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sluice import errors
from sluice.session import SubmitSession
from tests.e2e.sluiced import Sluiced
from tests.e2e.team import Team, vector
from tests.faults.fleet import Logger, Scored
from tests.faults.oracle import LoggerTotals, check_funnel
from tests.faults.system_calls import attached, check_strace
from tests.faults.waiting import insist

FAULTS = {
    "broken": "fsync,fdatasync:error=EIO",
    "full": "pwrite64:error=ENOSPC",
}
"""What strace lets fail: the flushes of a broken disk, the writes to a full one."""

BATCHES = 5


def frames(batch: int) -> dict[str, str]:
    """The frames of a batch, each with the name of its vector; two match."""
    return {f"{batch}-a": f"v{batch}", f"{batch}-b": f"v{batch}b", f"{batch}-x": "x"}


def scored_by(team: Team) -> Scored:
    """The scores of all frames."""
    names = {name for batch in range(2 * BATCHES) for name in frames(batch).values()}
    vectors = {name: vector(name) for name in sorted(names)}
    return Scored.by(team.channel, team.project, vectors)


def check_exact(team: Team, logger: Logger) -> None:
    """What was acknowledged is counted and stored, each once."""
    campaign = team.started["vans"]
    funnel = team.funnel("vans")
    check_funnel(funnel, LoggerTotals.from_reports([logger.report], campaign))
    stored = [sample.frame.id for sample in team.samples.list(campaign)]
    assert funnel.collected == len(stored) == len(set(stored))
    matching = {name for batch in range(2 * BATCHES) for name in list(frames(batch))[:2]}
    assert set(stored) <= matching
    assert 2 * 2 * BATCHES == funnel.collected + funnel.near_duplicate


@pytest.mark.parametrize("end", [Sluiced.stop, Sluiced.kill])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_restart_after_the_disk_failed(
    sluiced: Sluiced, team: Team, fault: str, end: Callable[[Sluiced], None]
) -> None:
    """Nothing is acknowledged while the disk fails; after a restart all that was is there."""
    check_strace()
    scored = scored_by(team)
    logger = Logger(SubmitSession(team.channel, team.project, patience_s=1))
    for batch in range(BATCHES):
        logger.submit(scored.batch(frames(batch)))
    insist(logger.session.flush)
    calls = FAULTS[fault].partition(":")[0]
    with attached(sluiced.pid, expressions=[f"trace={calls}", f"inject={FAULTS[fault]}"]):
        logger.submit(scored.batch(frames(BATCHES)))
        for _ in range(2):
            with pytest.raises(errors.Unavailable):
                logger.session.flush()
        assert BATCHES == logger.session.acknowledged
        end(sluiced)
    sluiced.start()
    insist(logger.session.flush)
    for batch in range(BATCHES + 1, 2 * BATCHES):
        logger.submit(scored.batch(frames(batch)))
    insist(logger.finish)
    check_exact(team, logger)
