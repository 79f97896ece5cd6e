"""The `sluice` command; it needs the extra `cli`, and `import sluice` does not load it."""

from __future__ import annotations

import os
import sys

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> None:
    """Run the command, or name the package that it lacks."""
    if "scan" in sys.argv and os.name == "posix":
        _use_one_blas_thread()
    try:
        from sluice.cli.app import app  # needs typer and rich, which the library does without
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit(f"the command sluice needs {error.name}: pip install 'sluice-client[cli]'")
    app()


def _use_one_blas_thread() -> None:
    """Restart this program with one BLAS thread, unless the user has set a number.

    numpy reads the number of threads when it is imported, which has already happened. The kernel's
    products are too small to gain from more threads, and waiting threads take the cores from
    reading, submitting, and a server on the same machine: one thread makes a scan 50 % faster.
    """
    if not os.environ.keys() & {*_BLAS_THREADS}:
        os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves
