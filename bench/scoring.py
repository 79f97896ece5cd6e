"""How fast frames are scored, against what the machine could do and against other ways to do it.

Batches have 256 frames, issues 300 elements; `_scoring_data.py` says how the frames lie. What is
compared takes turns in this run, and of each the best turn counts, unless it says otherwise;
linear algebra has one thread and vectors 512 dimensions where the name of a figure says nothing.

Figures, for `<n>` campaigns of one space:
`scoring.kernel_over_products.<n>` (time of the kernel, normalising included, over that of the bare
matrix products; `.<d>d.<t>threads.<n>` for other dimensions and threads);
`scoring.stream_over_limit.<n>` (frames a second of StreamScores over 1 / (1/echo + 1/kernel), the
echo being a server that only parses and answers), `scoring.stream_frames_per_s.<n>`;
`scoring.over_cluster_loop.<n>` (speed over that of a loop over frames, campaigns and clusters),
`scoring.over_faiss.<n>` (a flat
index for each campaign), `scoring.over_qdrant_per_frame.<n>` (a query for each frame and
campaign); `scoring.matches_only_cost.1000` (time over that of full scoring);
`scoring.large.…` (a model of 50,000 elements with 2,048 dimensions: `build_s`, `build_mb`,
`held_mb` where models are cached, `frames_per_s`); `scoring.bytes_per_campaign`,
`scoring.load_1000_models_s`, `scoring.commit_ms`, `scoring.commit_to_visible_ms` (medians);
`scoring.small_batches.…` (200 loggers with batches of 8
frames and 100 campaigns: `p50_ms`, `p99_ms`, the same `unbatched_`, and `over_unbatched`, the
throughput over that without scoring together); `scoring.two_processes_over_one` (throughput).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    _scoring_kernel,
    _scoring_large,
    _scoring_load,
    _scoring_loggers,
    _scoring_qdrant,
    _scoring_stream,
)
from bench._scoring_data import Space, make_models
from bench._scoring_kernel import CAMPAIGNS, Figures
from bench._turns import log

DIMENSIONS = (512, 768)


def main() -> None:
    """Measure, and print the figures."""
    spaces = [Space(dimension) for dimension in DIMENSIONS]
    log(f"making {CAMPAIGNS[-1]:,} models each of {len(spaces)} spaces")
    modelled = [*zip(spaces, make_models(spaces, CAMPAIGNS[-1]), strict=True)]
    space, models = modelled[0]
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], Figures]] = {
            "large": _scoring_large.measure,
            "kernel": lambda: _scoring_kernel.measure(modelled),
            "qdrant": lambda: _scoring_qdrant.measure(space, models, folder / "qdrant"),
            "load": lambda: _scoring_load.measure(space, models, folder / "load"),
            "stream": lambda: _scoring_stream.measure(space, models, folder / "stream"),
            "loggers": lambda: _scoring_loggers.small_batches(
                space, folder / "stream" / "sluiced" / "data", folder / "loggers"
            ),
            "scale": lambda: _scoring_loggers.two_processes(space, folder / "scale"),
        }
        for part, measure in parts.items():
            (folder / part).mkdir()
            start = time.perf_counter()
            figures |= measure()
            log(f"{part}: {time.perf_counter() - start:.0f} s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
