"""The command line of every server process: settings first, then imports that need numpy.

numpy reads its number of threads when it is imported, so neither this module nor its callers may
import it, or anything that does, before the settings are loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from services.server.settings import ServerSettings

SettingsT = TypeVar("SettingsT", bound=ServerSettings)

_BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def run_server(
    program: str,
    description: str,
    kind: type[SettingsT],
    serve: Callable[[SettingsT], int],
    arguments: Sequence[str] | None = None,
) -> int:
    """Load the settings and serve until a signal; returns the exit status, 2 for bad settings."""
    options = vars(_parser(program, description, kind).parse_args(arguments))
    file, secrets_dir = options.pop("settings"), options.pop("secrets_dir")
    overrides = {name: value for name, value in options.items() if value is not None}
    try:
        settings = kind.load(file, secrets_dir, **overrides)
    except (ValidationError, OSError, ValueError) as error:
        sys.stderr.write(f"{program}: settings: {error}\n")
        return 2
    if settings.blas_threads:
        os.environ.update(dict.fromkeys(_BLAS_THREADS, str(settings.blas_threads)))
    return serve(settings)


def _parser(program: str, description: str, kind: type[ServerSettings]) -> argparse.ArgumentParser:
    fields: dict[str, Any] = kind.model_fields
    parser = argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog="Every setting is also an environment variable, SLUICE_<NAME>: "
        + ", ".join(sorted(fields)),
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings as TOML")
    parser.add_argument(
        "--secrets-dir",
        type=Path,
        metavar="DIR",
        help="folder with a file per secret, sluice_<name>",
    )
    host, port = fields["host"].default, fields["port"].default
    parser.add_argument("--host", help=f"address to listen on; default {host}")
    parser.add_argument(
        "--port", type=int, help=f"port to listen on, 0: any free one; default {port}"
    )
    if "data_dir" in fields:
        default = f"./{fields['data_dir'].default}"
        parser.add_argument("--data-dir", type=Path, metavar="DIR", help=f"default {default}")
    return parser
