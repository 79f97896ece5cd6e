"""API keys: made, listed, verified, revoked."""

from __future__ import annotations

import pytest

from services.ledger.sqlite.ledger import SqliteLedger
from services.server.keys import PARTITION, Caller, KeyStore, Scope, generate_token, has_admin
from sluice.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from sluice.names import check_resource_id


@pytest.fixture
def keys(ledger: SqliteLedger) -> KeyStore:
    """An empty key store."""
    return KeyStore(ledger, pepper=b"pepper", internal_token=generate_token())


async def test_a_token_opens_its_project(keys: KeyStore) -> None:
    """Whoever sends the token of a key is known by its id, project and scopes."""
    made = await keys.create("p", "logger", [Scope.LOG, Scope.REVIEW])

    expected = Caller(made.record.id, "p", frozenset({Scope.LOG, Scope.REVIEW}))
    assert expected == await keys.verify(made.token)


async def test_a_token_says_which_key_it_is(keys: KeyStore) -> None:
    """A token is `slc_<id>_<secret>` with 256 bits of secret, no two alike."""
    first, second = [await keys.create("p", "", [Scope.LOG]) for _ in range(2)]

    scheme, key_id, secret = first.token.split("_")
    assert ("slc", first.record.id, 32) == (scheme, key_id, len(bytes.fromhex(secret)))
    assert secret not in second.token


async def test_every_character_of_a_token_counts(keys: KeyStore) -> None:
    """A token that is off by one character opens nothing, and the error does not hold it."""
    token = (await keys.create("p", "", [Scope.LOG])).token
    for place in range(len(token)):
        wrong = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        with pytest.raises(Unauthenticated) as refused:
            await keys.verify(wrong)
        assert wrong not in str(refused.value)
        assert "API_KEY_INVALID" == refused.value.reason


@pytest.mark.parametrize("token", ["", "slc", "slc__", "ключ", "slc_0_0", "a" * 10_000])
async def test_what_is_no_token_opens_nothing(keys: KeyStore, token: str) -> None:
    """Text that is no token at all is refused like a wrong one."""
    with pytest.raises(Unauthenticated):
        await keys.verify(token)


async def test_the_ledger_holds_no_secret(keys: KeyStore, ledger: SqliteLedger) -> None:
    """Neither a token nor its secret is stored, in any form that could be read back."""
    token = (await keys.create("p", "", [Scope.LOG])).token

    secret = token.split("_")[2]
    stored = await ledger.scan(PARTITION, "", limit=100)
    assert len(stored) == 2
    for entry in stored:
        assert secret.encode() not in entry.value
        assert bytes.fromhex(secret) not in entry.value


async def test_a_ledger_alone_opens_nothing(ledger: SqliteLedger) -> None:
    """A key is worth nothing to a server that has the ledger but another pepper."""
    one, two = [KeyStore(ledger, pepper=p, internal_token=generate_token()) for p in (b"1", b"2")]
    token = (await one.create("p", "", [Scope.LOG])).token

    with pytest.raises(Unauthenticated):
        await two.verify(token)


async def test_a_deleted_key_opens_nothing(keys: KeyStore) -> None:
    """A revoked key is unknown at once, and is listed no more."""
    made = await keys.create("p", "", [Scope.LOG])
    await keys.delete("p", made.record.id)

    with pytest.raises(Unauthenticated):
        await keys.verify(made.token)
    assert [] == await keys.list("p", limit=10)


async def test_a_project_deletes_its_own_keys_only(keys: KeyStore) -> None:
    """A key cannot be deleted in the name of another project."""
    made = await keys.create("p", "", [Scope.LOG])

    with pytest.raises(NotFound, match=made.record.id):
        await keys.delete("q", made.record.id)
    assert "p" == (await keys.verify(made.token)).project


async def test_keys_are_listed_by_project_page_by_page(keys: KeyStore) -> None:
    """A listing has the keys of one project, by id, and goes on after any of them."""
    made = [(await keys.create("p", f"{n}", [Scope.LOG])).record for n in range(3)]
    await keys.create("p-2", "", [Scope.LOG])

    expected = sorted(made, key=lambda record: record.id)
    assert expected[:2] == await keys.list("p", limit=2)
    assert expected[2:] == await keys.list("p", after=expected[1].id, limit=2)


async def test_a_key_needs_a_scope(keys: KeyStore) -> None:
    """A key that may do nothing is refused, naming the field."""
    with pytest.raises(InvalidArgument, match=r"api_key\.scopes"):
        await keys.create("p", "", [])


async def test_a_display_name_has_a_limit_in_bytes(keys: KeyStore) -> None:
    """256 bytes of display name are accepted, one more is refused with its size."""
    await keys.create("p", "é" * 128, [Scope.LOG])

    with pytest.raises(InvalidArgument, match="258 bytes"):
        await keys.create("p", "é" * 129, [Scope.LOG])


async def test_there_is_one_admin_key(keys: KeyStore, ledger: SqliteLedger) -> None:
    """The admin's key opens every project once it is adopted, and no second one ever is."""
    made, second = keys.new_admin(), keys.new_admin()
    with pytest.raises(Unauthenticated):
        await keys.verify(made.token)
    assert not await has_admin(ledger)

    await keys.adopt_admin(made)

    assert await has_admin(ledger)
    assert Caller(made.record.id, "", frozenset({Scope.ADMIN})) == await keys.verify(made.token)
    with pytest.raises(AlreadyExists):
        await keys.adopt_admin(second)
    with pytest.raises(Unauthenticated):
        await keys.verify(second.token)


async def test_services_have_a_key_of_their_own(ledger: SqliteLedger) -> None:
    """The internal token opens everything, and is stored nowhere."""
    token = generate_token()
    keys = KeyStore(ledger, pepper=b"pepper", internal_token=token)

    assert Caller("internal", "", frozenset(Scope)) == await keys.verify(token)
    assert [] == await ledger.scan(PARTITION, "", limit=1)


@pytest.mark.parametrize(("pepper", "token"), [(b"", "internal"), (b"pepper", "")])
def test_empty_secrets_are_refused(ledger: SqliteLedger, pepper: bytes, token: str) -> None:
    """A store without pepper, or that an empty token would open, cannot be made."""
    with pytest.raises(ValueError, match="must not be empty"):
        KeyStore(ledger, pepper=pepper, internal_token=token)


def test_no_project_can_be_where_keys_lie() -> None:
    """The partition of the keys has a name that no project can have."""
    with pytest.raises(InvalidArgument):
        check_resource_id(PARTITION, "project_id")
