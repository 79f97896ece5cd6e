"""Which connections must not use a proxy, and errors of those that do."""

from __future__ import annotations

import pytest

from sluice.proxies import explain_proxy, is_loopback

REFUSED = "last error: UNKNOWN: ipv4:{}: Failed to connect to remote host: Connection refused"
HINT = "; to connect directly, add the server's host to no_proxy"


@pytest.mark.parametrize(
    "target",
    [
        "localhost:50050",
        "LocalHost.:50050",
        "sluice.localhost:50050",
        "127.0.0.1:50050",
        "127.8.9.1:1",
        "0.0.0.0:50050",
        "[::1]:50050",
        "::1",
        "dns:///localhost:50050",
        "dns:localhost:50050",
        "ipv4:127.0.0.1:1,127.0.0.1:2",
        "ipv6:[::1]:50050",
        "unix:/run/sluice",
        "unix:///run/sluice",
    ],
)
def test_addresses_of_this_machine_are_loopback(target: str) -> None:
    """In every form that a gRPC target has."""
    assert is_loopback(target)


@pytest.mark.parametrize(
    "target",
    [
        "sluice.example.com:443",
        "localhost.example.com:443",
        "10.0.0.7:50050",
        "dns:///sluice:50050",
        "ipv4:127.0.0.1:1,10.0.0.7:2",
        "[2001:db8::1]:50050",
    ],
)
def test_other_addresses_may_use_a_proxy(target: str) -> None:
    """One address of another machine is enough."""
    assert not is_loopback(target)


@pytest.mark.parametrize(
    ("variable", "proxy", "details"),
    [
        ("http_proxy", "http://10.1.2.3:3128", REFUSED.format("10.1.2.3:3128")),
        ("https_proxy", "http://me:secret@proxy.corp:3128", REFUSED.format("10.1.2.3:3128")),
        ("grpc_proxy", "http://proxy.corp:8080", "errors resolving proxy.corp:8080: not found"),
        ("http_proxy", "http://proxy.corp", "HTTP proxy returned response code 403"),
        ("http_proxy", "http://[2001:db8::1]:3128", REFUSED.format("[2001:db8::1]:3128")),
    ],
)
def test_a_connection_that_fails_at_its_proxy_says_so(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, details: str
) -> None:
    """The error names the proxy without its password, the variable, and the next step."""
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, proxy)

    explained = explain_proxy(details)

    address = proxy.rpartition("@")[2].removeprefix("http://")
    address += "" if address.rpartition(":")[2].isdigit() else ":443"
    place = f"the proxy {address.replace('[', '').replace(']', '')} of {variable}"
    assert f"{details}; the connection goes through {place}{HINT}" == explained


@pytest.mark.parametrize(
    ("proxy", "details"),
    [
        ("", REFUSED.format("10.1.2.3:3128")),
        ("http://10.1.2.3:3128", REFUSED.format("10.0.0.7:50050")),
        ("http://proxy.corp:3128", REFUSED.format("10.0.0.7:50050")),
        ("http://10.1.2.3:port", REFUSED.format("10.1.2.3:3128")),
    ],
)
def test_other_errors_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, proxy: str, details: str
) -> None:
    """Without a proxy, or where the failed address is not the proxy's, nothing is added."""
    for name in ("grpc_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)

    assert details == explain_proxy(details)
