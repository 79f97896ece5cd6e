"""The largest possible issue: the time to build its model, and the memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from bench._scoring_kernel import Figures
from bench._turns import log
from services.campaign.elements import ELEMENTS_PER_ISSUE_MAX
from services.peers.models import BYTES_MAX

DIMENSION: Final = 2_048

# In a separate process, to measure its peak memory; linear algebra uses one thread.
_BUILD = """
import json, sys, time
from resource import RUSAGE_SELF, getrusage
import numpy as np
from threadpoolctl import threadpool_limits
from sluice.scoring import ElementId, Scorer, build_basis, build_model, normalise

elements, dimension = map(int, sys.argv[1:])
random = np.random.default_rng(0)
centres = random.normal(size=(200, dimension)).astype(np.float32)
def frames(count):
    noise = random.standard_normal((count, dimension), np.float32)
    return centres[random.integers(200, size=count)] + np.float32(0.7) * noise
def peak_mb():
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024
with threadpool_limits(1):
    basis, rows, batch = build_basis(frames(2_000)), frames(elements), normalise(frames(256))
    ids = [ElementId(f"{number:05}") for number in range(elements)]
    before_mb, start = peak_mb(), time.perf_counter()
    model = build_model(rows, ids, basis)
    build_s, built_mb = time.perf_counter() - start, peak_mb()
    data = model.to_bytes()
    scorer = Scorer([model], {basis.digest: basis})
    scorer.score(batch)
    start = time.perf_counter()
    for _ in range(5):
        scorer.score(batch)
    score_s = (time.perf_counter() - start) / 5
held = len(data) + len(basis.to_bytes()) + scorer.nbytes
print(json.dumps([build_s, built_mb - before_mb, held / 2**20, 256 / score_s]))
"""


def measure() -> Figures:
    """The figures; memory of scoring is that of model, basis and scorer as they are cached."""
    completed = subprocess.run(
        [sys.executable, "-c", _BUILD, str(ELEMENTS_PER_ISSUE_MAX), str(DIMENSION)],
        stdout=subprocess.PIPE,
        check=True,
    )
    build_s, build_mb, held_mb, frames_per_s = json.loads(completed.stdout)
    log(
        f"{ELEMENTS_PER_ISSUE_MAX:,} elements of {DIMENSION:,} dimensions: "
        f"built in {build_s:.1f} s with {build_mb:,.0f} MiB, "
        f"held in {held_mb:.0f} MiB of {BYTES_MAX / 2**20:.0f}, "
        f"scored by at {frames_per_s:,.0f} frames a second"
    )
    return {
        "scoring.large.build_s": build_s,
        "scoring.large.build_mb": build_mb,
        "scoring.large.held_mb": held_mb,
        "scoring.large.frames_per_s": frames_per_s,
    }
