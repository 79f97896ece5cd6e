"""The `sluice` command; its needs are the extra `cli`, and `import sluice` loads none of it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, or say what it needs."""
    try:
        from sluice.cli.app import app  # typer and rich, which who uses the library may not have
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit(f"the command sluice needs {error.name}: pip install 'sluice[cli]'")
    app()
