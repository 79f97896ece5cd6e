"""HTTP proxies: which connections must not use one, and errors of those that do.

Where `http_proxy` is set, gRPC connects through that proxy to every target, loopback included.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any, Final
from urllib.parse import urlsplit

NO_PROXY: Final[tuple[str, Any]] = ("grpc.enable_http_proxy", 0)
"""The channel option that ignores proxies."""

_VARIABLES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
"""In the order in which gRPC reads them; only lower case counts."""

_PORT_DEFAULT: Final = 443
_SCHEMES: Final = ("dns", "ipv4", "ipv6")


def is_loopback(target: str) -> bool:
    """Whether all addresses of a gRPC target are of this machine, by their text."""
    scheme, separator, rest = target.partition(":")
    if separator and scheme.startswith("unix"):
        return True
    addresses = rest.rpartition("/")[2] if separator and scheme in _SCHEMES else target
    return all(_is_local_host(_host_of(address)) for address in addresses.split(","))


def explain_proxy(details: str) -> str:
    """The details of a failed connection; if it failed at a proxy, with a note that says so."""
    variable = next((name for name in _VARIABLES if os.environ.get(name)), "")
    try:
        parts = urlsplit(os.environ.get(variable, ""))
        host, port = parts.hostname or "", parts.port or _PORT_DEFAULT
    except ValueError:
        return details  # gRPC ignores a malformed proxy
    if not host or not _names_proxy(details, host, port):
        return details
    return (
        f"{details}; the connection goes through the proxy {host}:{port} of {variable}; to connect "
        "directly, add the server's host to no_proxy"
    )


def _names_proxy(details: str, host: str, port: int) -> bool:
    if "HTTP proxy" in details or f"{host}:{port}" in details or f"[{host}]:{port}" in details:
        return True
    # Errors have the address of a proxy that is given by name.
    return not _is_address(host) and f":{port}: Failed to connect" in details


def _host_of(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.rpartition(":")
    return host if host and ":" not in host and port.isdigit() else address


def _is_local_host(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    if not _is_address(name):
        return False
    address = ipaddress.ip_address(name)
    return address.is_loopback or address.is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
