"""`python -m bench [NAME…]`: runs all benchmarks, or the named ones, and merges their figures.

The tables of README.md and docs/ are generated from the figures.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

from bench import _tables

FOLDER = Path(__file__).resolve().parent
Figures = dict[str, float]


class BenchmarkFailed(Exception):
    """A benchmark failed, or its last line is not an object of numbers."""


def names(folder: Path) -> list[str]:
    """The benchmarks of a folder: its modules, except those that begin with an underscore."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def run(name: str, folder: Path) -> Figures:
    """Run one benchmark in a separate process; its progress goes to standard error."""
    command = [sys.executable, "-m", f"{folder.name}.{name}"]
    process = subprocess.run(
        command, cwd=folder.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    if process.returncode:
        raise BenchmarkFailed(f"{name}: exit status {process.returncode}")
    try:
        return figures(process.stdout)
    except ValueError as error:
        raise BenchmarkFailed(f"{name}: {error}") from error


def figures(output: str) -> Figures:
    """The figures on the last line of a benchmark's output.

    Raises ValueError if that line is not an object whose values are all finite numbers.
    """
    lines = output.strip().splitlines()
    values = json.loads(lines[-1] if lines else "")
    if not isinstance(values, dict) or not values:
        raise ValueError(f"expected an object of figures, got {lines[-1]}")
    for name, value in values.items():
        # `type`, since True is an int too.
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return values


def main(selected: list[str], folder: Path = FOLDER) -> int:
    """Run the benchmarks and write results.json; the exit status is 1 if one failed.

    Figures of a benchmark that failed or was not selected are kept.
    """
    results = folder / "results.json"
    run_all = not selected
    fresh: Figures = {}
    problems: list[str] = []
    for name in selected or names(folder):
        print(f"bench.{name}", file=sys.stderr)
        try:
            measured = run(name, folder)
        except BenchmarkFailed as error:
            problems.append(str(error))
            continue
        problems += [f"{name}: duplicate figure {key}" for key in measured.keys() & fresh]
        fresh |= measured
    old = json.loads(results.read_text()) if results.exists() else {}
    kept = {} if run_all and not problems else old
    results.write_text(json.dumps(kept | fresh, indent=2, sort_keys=True) + "\n")
    if folder == FOLDER and not problems:
        _tables.write()
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
