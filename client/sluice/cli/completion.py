"""Completion of resource names, from the server; silent if it does not answer within a second."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
import typer

from sluice.channel import connect_sync
from sluice.cli.connection import Connection, read_key_file
from sluice.errors import SluiceError
from sluice.resources import kinds
from sluice.resources.kinds import SHORT_ID_LENGTH, ResourceKind
from sluice.resources.resolver import NameCandidate, Resolver

TIMEOUT_S: Final = 1.0

Completer = Callable[[typer.Context, str], list[tuple[str, str]]]


class _Deadline(grpc.UnaryUnaryClientInterceptor):
    """Gives each call a short deadline."""

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        return continuation(client_call_details._replace(timeout=TIMEOUT_S), request)


def completer(kind: ResourceKind) -> Completer:
    """Completes references to resources of a kind, each with its display name as help."""

    def complete(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        try:
            with _connect(context) as names:
                candidates = names.candidates(kind)
        except (SluiceError, grpc.RpcError, OSError):
            return []
        return [pair for c in candidates for pair in _matches(kind, c, incomplete)]

    return complete


@contextmanager
def _connect(context: typer.Context) -> Iterator[Resolver]:
    """A resolver by the options before the completed word."""
    options: dict[str, Any] = context.find_root().params
    key = options.get("api_key") or read_key_file(options.get("api_key_file"))
    connection = Connection(options.get("target") or "", key, options.get("profile") or "")
    settings = connection.settings()
    channel = grpc.intercept_channel(connect_sync(settings.target, settings.api_key), _Deadline())
    try:
        yield Resolver(channel, context.params.get("project") or settings.project)
    finally:
        channel.close()


def _matches(
    kind: ResourceKind, candidate: NameCandidate, incomplete: str
) -> Iterator[tuple[str, str]]:
    """The id of a candidate, or what else it is called, if it begins with the typed text."""
    reference = candidate.reference
    short = reference[:SHORT_ID_LENGTH]
    if kind.parent is kinds.PROJECT and kind.is_generated and not incomplete.startswith(short):
        reference = short
    if reference.startswith(incomplete):
        yield reference, candidate.display_name
    elif candidate.name.startswith(incomplete):
        yield candidate.name, candidate.display_name
    elif candidate.id.startswith(incomplete):
        yield candidate.id, candidate.display_name
    elif candidate.display_name.startswith(incomplete):
        yield _quote(candidate.display_name), candidate.id


def _quote(text: str) -> str:
    """Escape spaces and the like for bash; other shells do so themselves."""
    in_bash = os.environ.get("_SLUICE_COMPLETE") == "complete_bash"
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text) if in_bash else text
