"""Redis is killed again and again while loggers submit to two ingesters."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from tests.faults.fleet import Fleet, Load, Logger
from tests.faults.waiting import wait_until

LOGGERS, KILLS, BATCHES_MAX = "abcd", 20, 30
PAUSE_S_MAX = 0.02


def submit(logger: Logger, name: str, load: Load, ended: Event) -> None:
    """Submit until it is over, and wait for every answer."""
    for batch in load.batches(name):
        if ended.is_set():
            break
        logger.submit(batch)
    logger.finish()


def kill_redis(fleet: Fleet, moments: random.Random, submitting: Sequence[Future[None]]) -> None:
    """Kill Redis soon after a random acknowledgement, and start it on what it left."""

    def acknowledged() -> int:
        return sum(logger.session.acknowledged for logger in fleet.loggers)

    until = acknowledged() + moments.randint(1, BATCHES_MAX)
    wait_until(lambda: acknowledged() >= until or any(task.done() for task in submitting))
    for task in submitting:
        if task.done():
            task.result()  # raises what went wrong
    time.sleep(moments.uniform(0, PAUSE_S_MAX))
    redis = fleet.cluster.processes["redis"]
    redis.kill()
    redis.start()


def test_redis_killed_under_load(fleet: Fleet, moments: random.Random) -> None:
    """Loggers get all their answers in the end, and what they were told is what is stored."""
    load, ended = fleet.load(), Event()
    with ThreadPoolExecutor(len(LOGGERS)) as pool:
        submitting = [
            pool.submit(submit, fleet.logger(fleet.ingester(index)), name, load, ended)
            for index, name in enumerate(LOGGERS)
        ]
        try:
            for _ in range(KILLS):
                kill_redis(fleet, moments, submitting)
        finally:
            ended.set()
        for task in submitting:
            task.result()
    fleet.check_accounts()
