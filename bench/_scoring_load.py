"""`python -m bench._scoring_load FOLDER`: loads all models of a folder, as a starting scorer."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench._scoring_data import Space
from bench._scoring_kernel import Figures
from bench._turns import log
from services.blobs.folder import FolderBlobs
from services.peers.active import Version
from services.peers.models import Models
from sluice.scoring import ScoringModel

RUNS: Final = 3
BYTES_MAX: Final = 2**33


def measure(space: Space, models: list[ScoringModel], folder: Path) -> Figures:
    """Time and memory of loading models: the median of a few processes, files in the page cache."""
    asyncio.run(_write(space, models, folder))
    runs = sorted(_in_process(folder) for _ in range(RUNS))
    loaded_s, grown_bytes = runs[RUNS // 2]
    log(f"{len(models):,} models are loaded in {loaded_s:.2f} s; {grown_bytes / 2**20:.0f} MiB")
    return {
        f"scoring.load_{len(models)}_models_s": loaded_s,
        "scoring.bytes_per_campaign": grown_bytes / len(models),
    }


async def _write(space: Space, models: list[ScoringModel], folder: Path) -> None:
    blobs = FolderBlobs(folder / "blobs")
    await blobs.put(space.basis.to_bytes())
    versions = []
    for model in models:
        digest = await blobs.put(model.to_bytes())
        versions.append(Version(1, digest, space.basis.digest, "bench", space.dimension))
    (folder / "versions.json").write_text(json.dumps([asdict(version) for version in versions]))


def _in_process(folder: Path) -> tuple[float, int]:
    command = [sys.executable, "-m", "bench._scoring_load", str(folder)]
    completed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    loaded_s, grown_bytes = json.loads(completed.stdout)
    return loaded_s, grown_bytes


async def _load(folder: Path) -> tuple[float, int]:
    """The seconds until the scorer is loaded, and the growth of the process in bytes."""
    versions = [Version(**fields) for fields in json.loads((folder / "versions.json").read_text())]
    models = Models(FolderBlobs(folder / "blobs"), bytes_max=BYTES_MAX)
    await models.basis(versions[0].basis_digest)
    before, start = _resident_bytes(), time.perf_counter()
    scorer = await models.scorer(versions)
    taken_s = time.perf_counter() - start
    assert len(versions) == len(scorer.models)
    return taken_s, _resident_bytes() - before


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_load(Path(sys.argv[1])))))
