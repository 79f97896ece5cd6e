"""The interceptor that lets a call pass only with a key that may make it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Final

import structlog

from services.server.access import OPEN, RULES, Rule
from services.server.interceptors import Call, Context, Interceptor
from services.server.keys import EXPECTED, Caller, KeyStore
from sluice.errors import PermissionDenied, ResourceExhausted, Unauthenticated

REVERIFY_AFTER_S: Final = 1.0
"""How long a stream of requests may go on with a key that was revoked."""

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Who makes the call that is being served."""
    return _caller.get()


class AuthorisationInterceptor(Interceptor):
    """Holds every call against the table of `access.py`; what is not in it is refused."""

    def __init__(self, keys: KeyStore, *, streams_per_key_max: int) -> None:
        self._keys = keys
        self._streams_per_key_max = streams_per_key_max
        self._streams: Counter[str] = Counter()

    @asynccontextmanager
    async def around(self, call: Call, request: Any) -> AsyncIterator[Any]:
        """Check key, scope and project, in this order, before the handler runs."""
        if call.method.startswith(OPEN):
            yield request
            return
        token = _token(call.context)
        caller = await self._keys.verify(token)
        _caller.set(caller)
        structlog.contextvars.bind_contextvars(key_id=caller.key_id)
        rule = _rule(call.method)
        rule.check_scope(caller)
        if not (call.requests_stream or call.responses_stream):
            rule.check_project(caller, request)
            yield request
            return
        with self._counted(caller):
            if call.requests_stream:
                yield await self._checked(rule, caller, token, request)
            else:
                rule.check_project(caller, request)
                yield request

    async def _checked(
        self, rule: Rule, caller: Caller, token: str, requests: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """The same requests, the first one checked already: no handler runs before that."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is not None:
            rule.check_project(caller, first)
        return self._rest(rule, caller, token, first, messages)

    async def _rest(
        self, rule: Rule, caller: Caller, token: str, first: Any, requests: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        if first is None:
            return
        yield first
        verified_at = time.monotonic()
        async for request in requests:
            if time.monotonic() - verified_at > REVERIFY_AFTER_S:
                await self._keys.verify(token)
                verified_at = time.monotonic()
            rule.check_project(caller, request, needed=False)
            yield request

    @contextmanager
    def _counted(self, caller: Caller) -> Iterator[None]:
        """Count a stream of the caller; the services' own key has one for each project."""
        if caller is not self._keys.internal and (
            self._streams[caller.key_id] >= self._streams_per_key_max
        ):
            raise ResourceExhausted(
                f"API key {caller.key_id} has {self._streams_per_key_max} streams open, "
                "which is the most",
                metadata={"limit": str(self._streams_per_key_max)},
            )
        self._streams[caller.key_id] += 1
        try:
            yield
        finally:
            self._streams[caller.key_id] -= 1


def _rule(method: str) -> Rule:
    rule = RULES.get(method)
    if rule is None:
        raise PermissionDenied(f"{method}: no key may call this")
    return rule


def _token(context: Context) -> str:
    """The token of a call's metadata.

    Raises Unauthenticated naming what was expected; the message never holds what was sent.
    """
    sent = [value for name, value in context.invocation_metadata() or () if name == "authorization"]
    match [str(value).partition(" ") for value in sent]:
        case [(scheme, " ", token)] if scheme.lower() == "bearer":
            return token.strip()
        case []:
            raise Unauthenticated(f"authorization: there is none; expected {EXPECTED}")
        case _:
            raise Unauthenticated(f"authorization: is not of that form; expected {EXPECTED}")
