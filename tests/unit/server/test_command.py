"""Matrix products of a server process have as many threads as its settings say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import services.{service}.__main__
from services.server.cluster_settings import {settings}
from services.server.command import run_server

def serve(settings):
    import services.{service}.process
    from threadpoolctl import threadpool_info
    # scipy, where it is loaded, has a library of its own.
    print(*{{pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}})
    return 0

sys.exit(run_server("{service}", "", {settings}, serve, []))
"""
SECRETS = {"SLUICE_PEPPER": "p" * 32, "SLUICE_INTERNAL_KEY": "i" * 32}


@pytest.mark.parametrize("service", ["scorer", "ingest", "campaign", "curation"])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_have_the_threads_that_are_set(service: str, threads: int) -> None:
    """Several processes on one machine do not fight: one thread each, unless set otherwise."""
    program = PROGRAM.format(service=service, settings=f"{service.title()}Settings")
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    given = SECRETS if threads == 1 else {**SECRETS, "SLUICE_BLAS_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (f"{threads}\n", 0) == (done.stdout, done.returncode), done.stderr
