"""`sluiced`: every service of Sluice in one process.

numpy reads how many threads it may use when it is imported, and most of Sluice imports it: so
nothing of that is imported here before the settings are known.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from services.platform.settings import Settings

_BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    try:
        settings = _settings(_parse(arguments))
    except (ValidationError, OSError, ValueError) as error:
        sys.stderr.write(f"sluiced: settings: {error}\n")
        return 2
    if settings.blas_threads:
        os.environ.update(dict.fromkeys(_BLAS_THREADS, str(settings.blas_threads)))

    from services.embedded.serve import run

    return run(settings)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sluiced",
        description="Every service of Sluice in one process, on one port.",
        epilog="Every setting can be given as an environment variable, SLUICE_<NAME>.",
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--secrets-dir", type=Path, metavar="DIR", help="a file for each secret: sluice_<name>"
    )
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="default ./sluice-data")
    parser.add_argument("--host", help="the address to listen on; default 127.0.0.1")
    parser.add_argument("--port", type=int, help="the port to listen on; default 50050, 0: any")
    return parser.parse_args(arguments)


def _settings(given: argparse.Namespace) -> Settings:
    names = ("data_dir", "host", "port")
    overrides = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    return Settings.load(given.settings, given.secrets_dir, **overrides)


if __name__ == "__main__":
    sys.exit(main())
