"""`python -m bench [NAME…]`: runs all benchmarks, or those named, and merges their figures.

The tables of README.md and docs/ are made of the figures.
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
    """A benchmark did not end well, or its last line is not an object of numbers."""


def names(folder: Path) -> list[str]:
    """The benchmarks of a folder: its modules, less those that begin with an underscore."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def run(name: str, folder: Path) -> Figures:
    """Run one benchmark in a process of its own; its progress goes to standard error."""
    command = [sys.executable, "-m", f"{folder.name}.{name}"]
    done = subprocess.run(
        command, cwd=folder.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"{name}: exit status {done.returncode}")
    try:
        return figures(done.stdout)
    except ValueError as error:
        raise BenchmarkFailed(f"{name}: {error}") from error


def figures(output: str) -> Figures:
    """The figures on the last line of a benchmark's output.

    Raises ValueError when that line is not an object whose values are all finite numbers.
    """
    lines = output.strip().splitlines()
    found = json.loads(lines[-1] if lines else "")
    if not isinstance(found, dict) or not found:
        raise ValueError(f"an object of figures was expected, not {lines[-1]}")
    for name, value in found.items():
        # `type`, since True is an int too.
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{name}: a finite number was expected, not {value!r}")
    return found


def main(chosen: list[str], folder: Path = FOLDER) -> int:
    """Run the benchmarks and write results.json; the exit status says whether all ended well.

    Figures of a benchmark that failed or was not chosen stay as they were.
    """
    results = folder / "results.json"
    everything = not chosen
    fresh: Figures = {}
    problems: list[str] = []
    for name in chosen or names(folder):
        print(f"bench.{name}", file=sys.stderr)
        try:
            found = run(name, folder)
        except BenchmarkFailed as error:
            problems.append(str(error))
            continue
        problems += [f"{name}: {twice} is another's figure too" for twice in found.keys() & fresh]
        fresh |= found
    old = json.loads(results.read_text()) if results.exists() else {}
    kept = {} if everything and not problems else old
    results.write_text(json.dumps(kept | fresh, indent=2, sort_keys=True) + "\n")
    if folder == FOLDER and not problems:
        _tables.write()
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
