"""Authorisation: a call passes only with an API key that its access rule accepts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

import structlog

from services.server.access import ACCESS_RULES, KEYLESS_SERVICES, AccessRule
from services.server.interceptors import Call, Context, Interceptor
from services.server.keys import EXPECTED_METADATA, Caller, KeyStore
from sluice.errors import PermissionDenied, ResourceExhausted, Unauthenticated, Unavailable

REVERIFY_AFTER_S: Final = 1.0
"""Interval at which the key of an open stream is verified again: it may have been revoked.

That of a stream of requests is verified with its next request.
"""

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """The caller of the request that is being handled."""
    return _caller.get()


class AuthorisationInterceptor(Interceptor):
    """Checks every call against the access rules; a method without a rule is refused."""

    def __init__(self, keys: KeyStore, *, streams_per_key_max: int) -> None:
        self._keys = keys
        self._streams_per_key_max = streams_per_key_max
        self._streams: Counter[str] = Counter()

    @asynccontextmanager
    async def around(self, call: Call, request: Any) -> AsyncIterator[Any]:
        """Check key, scope and project, in this order, before the handler runs."""
        if call.method.startswith(KEYLESS_SERVICES):
            yield request
            return
        token = _read_token(call.context)
        caller = await self._keys.verify(token)
        _caller.set(caller)
        structlog.contextvars.bind_contextvars(key_id=caller.key_id)
        rule = _find_rule(call.method)
        rule.check_scope(caller)
        if not (call.requests_stream or call.responses_stream):
            rule.check_project(caller, request)
            yield request
            return
        with self._count_stream(caller):
            if call.requests_stream:
                yield await self._check_stream(rule, caller, token, request)
            else:
                rule.check_project(caller, request)
                async with self._while_valid(token):
                    yield request

    async def _check_stream(
        self, rule: AccessRule, caller: Caller, token: str, requests: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """The same requests; the first one is checked before the handler runs."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is not None:
            rule.check_project(caller, first)
        return self._check_later_requests(rule, caller, token, first, messages)

    async def _check_later_requests(
        self,
        rule: AccessRule,
        caller: Caller,
        token: str,
        first: Any,
        requests: AsyncIterator[Any],
    ) -> AsyncIterator[Any]:
        if first is None:
            return
        yield first
        verified_at = time.monotonic()
        async for request in requests:
            if time.monotonic() - verified_at > REVERIFY_AFTER_S:
                await self._keys.verify(token)
                verified_at = time.monotonic()
            rule.check_project(caller, request, required=False)
            yield request

    @asynccontextmanager
    async def _while_valid(self, token: str) -> AsyncIterator[None]:
        """Cancel the block soon after the token was revoked, and raise Unauthenticated.

        Some streams of responses, such as WatchActiveVersions, have no end of their own.
        """
        try:
            async with asyncio.TaskGroup() as group:
                verifying = group.create_task(self._verify_repeatedly(token))
                yield
                verifying.cancel()
        except ExceptionGroup as errors:  # an error of the block, or the one of the task
            raise errors.exceptions[0] from errors.exceptions[0].__cause__

    async def _verify_repeatedly(self, token: str) -> None:
        while True:
            await asyncio.sleep(REVERIFY_AFTER_S)
            with suppress(Unavailable):  # while the ledger is away, open streams go on
                await self._keys.verify(token)

    @contextmanager
    def _count_stream(self, caller: Caller) -> Iterator[None]:
        """Count an open stream of the caller; the services' own key has no limit."""
        if caller is not self._keys.internal and (
            self._streams[caller.key_id] >= self._streams_per_key_max
        ):
            raise ResourceExhausted(
                f"API key {caller.key_id} has {self._streams_per_key_max} streams open, the "
                "maximum; close one first",
                metadata={"limit": str(self._streams_per_key_max)},
            )
        self._streams[caller.key_id] += 1
        try:
            yield
        finally:
            self._streams[caller.key_id] -= 1


def _find_rule(method: str) -> AccessRule:
    rule = ACCESS_RULES.get(method)
    if rule is None:
        raise PermissionDenied(f"{method}: no access rule allows this method")
    return rule


def _read_token(context: Context) -> str:
    """The token in a call's metadata.

    Raises Unauthenticated naming what is accepted; the message never holds what was sent.
    """
    metadata = context.invocation_metadata() or ()
    values = [value for name, value in metadata if name == "authorization"]
    match [str(value).partition(" ") for value in values]:
        case [(scheme, " ", token)] if scheme.lower() == "bearer":
            return token.strip()
        case []:
            raise Unauthenticated(f"authorization: missing; expected {EXPECTED_METADATA}")
        case _:
            raise Unauthenticated(f"authorization: malformed; expected {EXPECTED_METADATA}")
