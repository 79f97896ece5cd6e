"""A logger whose connection breaks again and again has each of its frames counted once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from tests.faults.fleet import Fleet, Load, Logger
from tests.faults.proxy import FAULTS, Proxy, proxied

LOGGERS, BATCHES = 2, 400
FAULTS_MAX, FAULTS_MIN = 30, 5


def submit(logger: Logger, name: str, load: Load) -> None:
    """Submit a logger's batches."""
    for batch in islice(load.batches(name), BATCHES):
        logger.submit(batch)
    logger.finish()


def test_acknowledgements_are_lost_and_connections_reset(
    fleet: Fleet, moments: random.Random
) -> None:
    """What a session sends again, for its answer was lost or its request cut, counts once."""
    proxy, load = Proxy(fleet.cluster.address("ingest-0"), moments, FAULTS_MAX), fleet.load()
    with proxied(proxy) as address, ThreadPoolExecutor(LOGGERS) as pool:
        loggers = [fleet.logger(address) for _ in range(LOGGERS)]
        list(pool.map(submit, loggers, "ab", [load] * LOGGERS))
        fleet.check_accounts()
    assert all(proxy.met[fault] >= FAULTS_MIN for fault in FAULTS), proxy.met
