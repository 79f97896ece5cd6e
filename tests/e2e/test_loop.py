"""The iteration loop of the demo, a shorter run of `make loop`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, PER_ROUND = 4, 20
TIMEOUT_S = 240  # a hang ends here; how long it takes is measured elsewhere


def run_loop(folder: Path) -> dict[str, Any]:
    """Run one team of each kind in a folder, and read the report."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'client'}"
    process = subprocess.run(
        [sys.executable, "-m", "demo.loop", "--teams=1", f"--rounds={ROUNDS}"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        timeout=TIMEOUT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    report: dict[str, Any] = json.loads((folder / "loop-data" / "loop.json").read_text())
    return report


def test_the_loop_is_better_than_chance(tmp_path: Path) -> None:
    """Batches are full and target failures, drift is detected, and the accuracy is higher."""
    report = run_loop(tmp_path)
    [chosen], [random] = report["chosen"], report["random"]

    for steps in (chosen, random):
        assert [PER_ROUND * n for n in range(1, ROUNDS + 1)] == [s["labelled"] for s in steps]
        assert ["pass"] * 3 + ["fail, then pass"] == [s["golden"] for s in steps]
    assert [(20, 0)] + [(6, 14)] * 3 == [(s["coverage"], s["targeted"]) for s in chosen]
    assert chosen[-1]["accuracy"] > random[-1]["accuracy"] + 0.1
    with Image.open(tmp_path / "loop-data" / "loop.png") as picture:
        assert picture.width > 500
