"""API keys: `slc_<id>_<secret>`, kept as a keyed hash, each with its scopes in one project."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from services.ledger.interface import ABSENT, Conflict, Ledger, Transaction
from services.records.records import Record, decode, encode, key, prefix
from sluice.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated

PARTITION: Final = "_system"
"""Where keys lie in the ledger; no project can have this id."""

DISPLAY_NAME_BYTES_MAX: Final = 256

EXPECTED: Final = "metadata `authorization: Bearer slc_<id>_<secret>`"
"""What a caller must send."""

_ADMIN = "admin-key"
_TOKEN = re.compile("slc_([0-9a-f]{16})_[0-9a-f]{64}")


class Scope(StrEnum):
    """What a key may do in its project; `ADMIN` may do all that the others may."""

    LOG = "log"
    REVIEW = "review"
    ADMIN = "admin"


class ApiKey(Record, frozen=True):
    """A key as it is stored; `mac` is the keyed hash of its token. Project "": every project."""

    id: str
    project: str
    display_name: str
    scopes: tuple[Scope, ...]
    create_time: datetime
    mac: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the key's id, its project ("": every project) and its scopes."""

    key_id: str
    project: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; its token is what callers send, and is known only now."""

    record: ApiKey
    token: str


def new_token() -> str:
    """A token that nobody has: 64 random bits name it, 256 open the door."""
    return f"slc_{secrets.token_hex(8)}_{secrets.token_hex(32)}"


async def has_admin(ledger: Ledger) -> bool:
    """Whether the admin's key has been made."""
    return bool(await ledger.get(PARTITION, [_ADMIN]))


class KeyStore:
    """The keys of all projects, in the ledger.

    `pepper` is the server's part of the hash: who copies the ledger without it can check no key.
    `internal_token` is what services of this server send each other; it lies in no store.
    """

    def __init__(self, ledger: Ledger, *, pepper: bytes, internal_token: str) -> None:
        if not (pepper and internal_token):
            raise ValueError("pepper and internal_token must not be empty")
        self._ledger = ledger
        self._pepper = pepper
        self._internal_token = internal_token
        self.internal = Caller("internal", "", frozenset(Scope))

    async def create(self, project: str, display_name: str, scopes: Collection[Scope]) -> NewKey:
        """Make a key of a project, which must exist.

        Raises errors.InvalidArgument for no scope, or a display name over 256 bytes.
        """
        if not scopes:
            raise InvalidArgument.of(
                "api_key.scopes", "none given; at least one of log, review, admin"
            )
        size = len(display_name.encode())
        if size > DISPLAY_NAME_BYTES_MAX:
            problem = f"{size} bytes, at most {DISPLAY_NAME_BYTES_MAX} are accepted"
            raise InvalidArgument.of("api_key.display_name", problem)
        made = self._make(project, display_name, scopes)
        await self._ledger.commit(self._put(made.record))
        return made

    async def list(self, project: str, *, after: str = "", limit: int) -> list[ApiKey]:
        """Up to `limit` keys of a project, by id, from the one after `after` on."""
        start = _listed(project, after) if after else ""
        page = await self._ledger.scan(
            PARTITION, prefix("project-key", project), after=start, limit=limit
        )
        return [decode(ApiKey, entry) for entry in page]

    async def delete(self, project: str, key_id: str) -> None:
        """Revoke a key at once.

        Raises errors.NotFound when the project has no such key.
        """
        listed, stored = _listed(project, key_id), _stored(key_id)
        if not await self._ledger.get(PARTITION, [listed]):
            raise NotFound(f"name: project {project!r} has no API key {key_id!r}")
        await self._ledger.commit(Transaction(PARTITION, deletes=[listed, stored]))

    async def verify(self, token: str) -> Caller:
        """Whose key this is.

        Raises errors.Unauthenticated when it is none of ours; the message never holds the token.
        """
        if hmac.compare_digest(token.encode(), self._internal_token.encode()):
            return self.internal
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Unauthenticated(
                "authorization: that is no API key; expected Bearer slc_<id>_<secret>"
            )
        stored = _stored(match[1])
        found = await self._ledger.get(PARTITION, [stored])
        if stored in found:
            record = decode(ApiKey, found[stored])
            if hmac.compare_digest(record.mac, self._mac(token)):
                return Caller(record.id, record.project, frozenset(record.scopes))
        raise Unauthenticated("authorization: this API key is not known here, or was revoked")

    def new_admin(self) -> NewKey:
        """A key for every project; it opens nothing before `adopt_admin`."""
        return self._make("", "admin", [Scope.ADMIN])

    async def adopt_admin(self, made: NewKey) -> None:
        """Make that key the admin's.

        Raises errors.AlreadyExists when there is one.
        """
        record = made.record
        puts = {_ADMIN: record.id.encode(), _stored(record.id): encode(record)}
        try:
            await self._ledger.commit(Transaction(PARTITION, checks={_ADMIN: ABSENT}, puts=puts))
        except Conflict as conflict:
            raise AlreadyExists("the admin's key has been made already") from conflict

    async def set_admin(self, token: str) -> None:
        """Make that token the admin's key; what was the admin's before opens nothing any more.

        Raises errors.InvalidArgument for what has not the form of a token, and Conflict when
        another process sets it at this moment.
        """
        if not _TOKEN.fullmatch(token):
            raise InvalidArgument.of("admin_key", f"is not of the form {_TOKEN.pattern}")
        record = self._record(token, "", "admin", [Scope.ADMIN])
        found = await self._ledger.get(PARTITION, [_ADMIN, _stored(record.id)])
        known = found.get(_stored(record.id))
        if known and decode(ApiKey, known).mac == record.mac:
            return
        before = found.get(_ADMIN)
        await self._ledger.commit(
            Transaction(
                PARTITION,
                checks={_ADMIN: before.revision if before else ABSENT},
                puts={_ADMIN: record.id.encode(), _stored(record.id): encode(record)},
                deletes={_stored(before.value.decode())} - {_stored(record.id)} if before else (),
            )
        )

    def _make(self, project: str, display_name: str, scopes: Collection[Scope]) -> NewKey:
        token = new_token()
        return NewKey(self._record(token, project, display_name, scopes), token)

    def _record(
        self, token: str, project: str, display_name: str, scopes: Collection[Scope]
    ) -> ApiKey:
        return ApiKey(
            id=token.split("_")[1],
            project=project,
            display_name=display_name,
            scopes=tuple(sorted(set(scopes))),
            create_time=datetime.now(UTC),
            mac=self._mac(token),
        )

    def _put(self, record: ApiKey) -> Transaction:
        stored = _stored(record.id)
        # Twice, since callers send its id and a listing asks for its project; it never changes.
        puts = dict.fromkeys([stored, _listed(record.project, record.id)], encode(record))
        return Transaction(PARTITION, checks={stored: ABSENT}, puts=puts)

    def _mac(self, token: str) -> bytes:
        return hmac.digest(self._pepper, token.encode(), hashlib.sha256)


def _stored(key_id: str) -> str:
    return key("key", key_id)


def _listed(project: str, key_id: str) -> str:
    return key("project-key", project, key_id)
