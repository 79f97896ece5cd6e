"""`sluiced`: every service of Sluice in one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from services.server.command import run_server
from services.server.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    description = "Every service of Sluice in one process, on one port."
    return run_server("sluiced", description, Settings, _serve, arguments)


def _serve(settings: Settings) -> int:
    from services.embedded.process import serve
    from services.server.run import run

    return run("sluiced", settings, serve(settings))


if __name__ == "__main__":
    sys.exit(main())
