"""`python -m deploy.local`: run the cluster form on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from deploy.local.cluster import Cluster

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run until SIGINT or SIGTERM, or until a process ends by itself."""
    arguments = _parse()
    qdrant_url = os.environ.get("SLUICE_QDRANT_URL", "")
    try:
        cluster = Cluster(
            arguments.data_dir,
            scorers=arguments.scorers,
            ingesters=arguments.ingesters,
            qdrant_url=qdrant_url,
        )
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for number in _SIGNALS:  # Ctrl-C too: a background job ignores it by default
        signal.signal(number, signal.default_int_handler)
    try:
        cluster.start(_print_ready)
        if not qdrant_url:
            print("Qdrant is a stand-in for one machine: set SLUICE_QDRANT_URL to use a server.")
        print(f"Logs and data are in {cluster.folder}; Ctrl-C ends all processes.\n")
        print(f"export SLUICE_TARGET={cluster.target}")
        print(f"export SLUICE_API_KEY=$(cat {cluster.folder / 'admin.key'})", flush=True)
        ended = cluster.wait()
        print(f"{ended.name} has ended; its log is {ended.log}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        cluster.stop()


def _print_ready(name: str, number: int, total: int) -> None:
    """Say on stderr which process is ready, since all of them together take seconds."""
    print(f"[{number}/{total}] {name} is ready", file=sys.stderr, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("sluice-cluster"), metavar="DIR")
    parser.add_argument("--scorers", type=int, default=1, metavar="N")
    parser.add_argument("--ingesters", type=int, default=1, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
