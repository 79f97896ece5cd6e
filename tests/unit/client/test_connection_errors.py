"""A failed connection says which address, why, and what to do."""

from __future__ import annotations

import pytest

from sluice import connection_errors as steps
from sluice.connection_errors import explain_failure

LAST = "failed to connect to all addresses; last error: "


@pytest.mark.parametrize(
    ("details", "message", "step"),
    [
        (
            f"{LAST}UNKNOWN: ipv4:1.2.3.4:1: Failed to connect to remote host: Connection refused",
            "cannot connect to 1.2.3.4:1: Connection refused",
            steps.START_OR_SET_TARGET,
        ),
        (
            (
                f"{LAST}UNKNOWN: ipv4:10.0.0.1:1: Failed to connect to remote host: connect: "
                "Connection refused (111)"
            ),
            "cannot connect to 10.0.0.1:1: Connection refused",
            steps.START_OR_SET_TARGET,
        ),
        (
            (
                "connections to all backends failing; last error: UNKNOWN: ipv6:%5B::1%5D:1: "
                "Failed to connect to remote host: Connection refused"
            ),
            "cannot connect to [::1]:1: Connection refused",
            steps.START_OR_SET_TARGET,
        ),
        (
            (
                f"{LAST}FAILED_PRECONDITION: unix:/tmp/no.sock: connect failed: addr: unix "
                "error: No such file or directory"
            ),
            "cannot connect to /tmp/no.sock: No such file or directory",
            steps.START_OR_SET_TARGET,
        ),
        (
            (
                f"{LAST}UNAVAILABLE: ipv4:127.0.0.1:80: Failed parsing HTTP/2 (Expected SETTINGS "
                "frame as the first frame, got frame type 79)"
            ),
            "cannot connect to 127.0.0.1:80: the server there does not speak gRPC",
            steps.CHECK_PORT,
        ),
        (
            f"{LAST}UNAVAILABLE: ipv4:127.0.0.1:443: recvmsg:Connection reset by peer (104)",
            "cannot connect to 127.0.0.1:443: the server closed the connection",
            steps.CHECK_TLS,
        ),
        (
            (
                "errors resolving no.invalid:50050: [field:hostname lookup error:address lookup "
                "failed for no.invalid:50050: Domain name not found]"
            ),
            "cannot connect to no.invalid:50050: Domain name not found",
            steps.CHECK_HOST,
        ),
        ("the campaign service is down", "the campaign service is down", ""),
    ],
)
def test_details_of_grpc_become_plain(details: str, message: str, step: str) -> None:
    """The texts of gRPC name the address and the step; a server's own text stays as it is."""
    assert (message, step) == explain_failure(details)
