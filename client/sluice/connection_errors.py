"""Why a connection failed, in the words of whoever has to mend it."""

from __future__ import annotations

import re
from typing import Final

START_OR_SET_TARGET: Final = (
    "start the server there (`sluiced`, or `make up`), or set SLUICE_TARGET to the host:port of "
    "one that runs"
)
CHECK_HOST: Final = "check the host in SLUICE_TARGET; a target is host:port, as localhost:50050"
CHECK_PORT: Final = "check the port in SLUICE_TARGET; sluiced listens on 50050 by default"
CHECK_TLS: Final = (
    "check the host and port in SLUICE_TARGET, and whether the server expects TLS "
    "(`set_credentials(credentials=…)`)"
)
NAME_PROCESSES: Final = (
    "name the address of each process in SLUICE_TARGET: campaign=host:port,scorer=host:port,"
    "ingest=host:port,curation=host:port"
)

_ADDRESS: Final = r"last error: \w+: (?:ipv4:|ipv6:|unix:)?(?P<address>\S+?): "

_FAILURES: Final = (
    (
        _ADDRESS + r"Failed to connect to remote host: (?:connect: )?(?P<why>[^;(]+)",
        START_OR_SET_TARGET,
    ),
    (_ADDRESS + r"connect failed: .* error: (?P<why>[^;(]+)", START_OR_SET_TARGET),
    (_ADDRESS + r"(?P<why>Failed parsing HTTP/2)", CHECK_PORT),
    (_ADDRESS + r"(?P<why>recvmsg:Connection reset by peer|Socket closed)", CHECK_TLS),
    (r"errors resolving (?P<address>\S+): .*\W(?P<why>Domain name not found)", CHECK_HOST),
    (r"errors resolving (?P<address>\S+): \[(?P<why>.*)\]", CHECK_HOST),
    (r"DNS resolution failed for (?P<address>\S+): (?P<why>.*)", CHECK_HOST),
)

_WHY: Final = {
    "Failed parsing HTTP/2": "the server there does not speak gRPC",
    "recvmsg:Connection reset by peer": "the server closed the connection",
    "Socket closed": "the server closed the connection",
}


def explain_failure(details: str) -> tuple[str, str]:
    """The message of a failed connection, and the next step; unknown details stay as they are."""
    for pattern, step in _FAILURES:
        if match := re.search(pattern, details):
            why = match["why"].strip()
            address = match["address"].replace("%5B", "[").replace("%5D", "]")
            return f"cannot connect to {address}: {_WHY.get(why, why)}", step
    return details, ""
