"""The `sluice` command; its needs are the extra `cli`, and `import sluice` loads none of it."""

from __future__ import annotations

import os
import sys

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> None:
    """Run the command, or say what it needs."""
    if "scan" in sys.argv and os.name == "posix":
        _use_one_blas_thread()
    try:
        from sluice.cli.app import app  # typer and rich, which who uses the library may not have
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit(f"the command sluice needs {error.name}: pip install 'sluice-client[cli]'")
    app()


def _use_one_blas_thread() -> None:
    """Start this program again with one BLAS thread, unless its user has said how many.

    numpy reads how many it may use when it is imported, which it is by now. The kernel's products
    are too small to gain from more, and threads that wait for each other take the cores from
    reading, submitting, and a server on the same machine: a scan with one is half as fast again.
    """
    if not os.environ.keys() & {*_BLAS_THREADS}:
        os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves
