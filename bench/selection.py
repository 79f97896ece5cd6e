"""How fast and how well the next batch is selected.

Figures: `selection.zcore_over_plain.<rows>` (time for each draw of the plain rendering that tests
compare with, over ours, on one core; embeddings as they come, a row after the other),
`selection.zcore_over_columns.<rows>` (the same where the plain rendering is given them column
after column), `selection.zcore_draw_us.<rows>`; `selection.zcore_compile_s` (what a process waits
before its first draw, which the others leave out); `selection.accuracy.<setting>.<method>` and
`…_se` (mean and standard error of 15 seeds, see `_selection_accuracy`);
`selection.select_100k_s` and `selection.select_100k_mb` (5,000 of 100,000 groups with 300
failures: time, and the peak of the memory of the process that does only that);
`selection.create_batch_100k_s` and `selection.create_batch_100k_mb` (the same by CreateBatch, of
frames of 512 dimensions in an embedded server: until it answers, and the peak of the memory of the
server, with all that it holds besides), `selection.append_100k_frames_per_s` (how fast these
frames were appended from a file).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from bench._selection_accuracy import METHODS, SEEDS, accuracies
from bench._selection_service import create_batch
from services.curation.selection.zcore import DRAWS, NEIGHBOURS, draw, sum_changes, varying_columns
from sluice.scoring import build_basis, normalise
from tests.unit.curation.selection.plain_zcore import plain_changes

Figures = dict[str, float]

DIMENSION: Final = 512
PLAIN_DRAWS: Final = {1_797: 1_000, 20_000: 200, 100_000: 50}
SHARDS: Final = {1_797: 16, 20_000: 64, 100_000: 128}
"""Of so many equal parts of all draws, sorted by plane, the one in the middle is timed."""

GROUPS, FAILURES, BUDGET, COMPONENTS = 100_000, 300, 5_000, 64

_SELECT = f"""
import resource, time
import numpy as np
from bench.selection import clustered
from services.curation.selection.kernel import Groups
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import Pool, Settings
from services.curation.selection.targeted import Failures

rows = clustered({GROUPS + FAILURES})
pool, failing = rows[:{GROUPS}], rows[{GROUPS}:]
labelled = np.arange({GROUPS}) % 50 == 0
groups = Pool({GROUPS}, labelled, labelled, pool, np.arange({GROUPS}))
failures = Failures.equal(Groups.of_single_rows(failing))
start = time.perf_counter()
batch = plan_batch(groups, failures, Settings(seed=0, budget={BUDGET}))
taken_s = time.perf_counter() - start
assert {BUDGET} == len(batch.picks) and not batch.notes
print(taken_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


_ZCORE = """
import json
from bench.selection import zcore_of_all
print(json.dumps(zcore_of_all()))
"""


def log(said: str) -> None:
    """Say on stderr what is going on."""
    print(said, file=sys.stderr, flush=True)


def clustered(rows: int) -> NDArray[np.float32]:
    """Rows in the basis: in 500 clusters of their own sizes."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((500, COMPONENTS))
    shares = random.dirichlet(np.ones(len(centres)))
    owners = random.choice(len(centres), rows, p=shares)
    return normalise(centres[owners] + 0.8 * random.standard_normal((rows, COMPONENTS)))


def digits() -> NDArray[np.float32]:
    """The digits in their basis."""
    unit = normalise(load_digits().data)
    return build_basis(unit).project(unit)


def zcore_compiled() -> Figures:
    """The time until the first draw is done, in processor time of one thread."""
    columns = varying_columns(np.eye(2, dtype=np.float32))
    start = time.process_time()
    sum_changes(columns, draw(columns, 0, 0, 1), near=1)
    return {"selection.zcore_compile_s": time.process_time() - start}


def zcore(embeddings: NDArray[np.float32]) -> Figures:
    """The time for a draw, plain and ours, in processor time of one thread."""
    rows = len(embeddings)
    columns = varying_columns(embeddings)
    start = time.process_time()
    drawn = draw(columns, 0, 0, DRAWS)
    order = np.lexsort((drawn.second, drawn.first))
    drawing_s = (time.process_time() - start) / DRAWS
    shard = np.array_split(order, SHARDS[rows])[SHARDS[rows] // 2]
    start = time.process_time()
    sum_changes(columns, drawn[shard], NEIGHBOURS)
    ours_s = drawing_s + (time.process_time() - start) / len(shard)
    some = drawn[: PLAIN_DRAWS[rows]]
    plain_s = []
    for layout in (np.ascontiguousarray(columns.T), columns.T):
        start = time.process_time()
        plain_changes(layout, some, NEIGHBOURS)
        plain_s.append(drawing_s + (time.process_time() - start) / len(some))
    log(f"ZCore, {rows:,} rows: {1e6 * ours_s:.1f} µs a draw; plain {1e6 * plain_s[0]:.1f} µs")
    return {
        f"selection.zcore_over_plain.{rows}": plain_s[0] / ours_s,
        f"selection.zcore_over_columns.{rows}": plain_s[1] / ours_s,
        f"selection.zcore_draw_us.{rows}": 1e6 * ours_s,
    }


def zcore_of_all() -> Figures:
    """The figures of ZCore, for all numbers of rows."""
    figures = zcore_compiled() | zcore(digits())
    random = np.random.default_rng(0)
    for rows in (20_000, 100_000):
        figures |= zcore(random.standard_normal((rows, DIMENSION), dtype=np.float32))
    return figures


def accuracy() -> Figures:
    """The table of methods and settings."""
    figures = {}
    for setting in ("digits_balanced", "digits_imbalanced"):
        for method in METHODS:
            found = accuracies(method, imbalanced=setting == "digits_imbalanced")
            name = f"selection.accuracy.{setting}.{method}"
            figures[name] = float(found.mean())
            figures[f"{name}_se"] = float(found.std(ddof=1) / np.sqrt(SEEDS))
            log(f"{setting} {method}: {figures[name]:.4f} ± {figures[f'{name}_se']:.4f}")
    return figures


def child(program: str) -> str:
    """What a program prints, run in a process of its own and by one thread."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        # A second thread gains little on small products, and waits for the first one busily.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def select() -> Figures:
    """The time and memory that a large selection takes."""
    taken_s, peak_mb = map(float, child(_SELECT).split())
    log(f"selecting {BUDGET:,} of {GROUPS:,}: {taken_s:.1f} s, {peak_mb:.0f} MB")
    return {"selection.select_100k_s": taken_s, "selection.select_100k_mb": peak_mb}


def service() -> Figures:
    """The time and memory that the same takes of the service, and how frames get there."""
    taken = create_batch()
    log(
        f"CreateBatch: {taken.batch_s:.1f} s, {taken.batch_mb:.0f} MB; "
        f"{taken.frames_per_s:,.0f} frames a second appended"
    )
    return {
        "selection.create_batch_100k_s": taken.batch_s,
        "selection.create_batch_100k_mb": taken.batch_mb,
        "selection.append_100k_frames_per_s": taken.frames_per_s,
    }


def main() -> None:
    """Measure, and print the figures."""
    figures = select()
    figures |= service()
    figures |= json.loads(child(_ZCORE))
    figures |= accuracy()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
