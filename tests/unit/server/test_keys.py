"""API keys: created, listed, verified, revoked."""

from __future__ import annotations

import pytest

from services.ledger.interface import Conflict, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.server.keys import (
    PARTITION,
    Caller,
    KeyStore,
    Scope,
    count_keys,
    generate_token,
    has_admin,
    revoke_keys,
)
from sluice.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from sluice.names import check_resource_id


@pytest.fixture
def keys(ledger: SqliteLedger) -> KeyStore:
    """An empty key store."""
    return KeyStore(ledger, pepper=b"pepper", internal_token=generate_token())


async def test_a_token_identifies_its_caller(keys: KeyStore) -> None:
    """A token is verified as its key, with id, project and scopes."""
    new_key = await keys.create("p", "logger", [Scope.LOG, Scope.REVIEW])

    expected = Caller(new_key.record.id, "p", frozenset({Scope.LOG, Scope.REVIEW}))
    assert expected == await keys.verify(new_key.token)


async def test_a_token_contains_its_key_id(keys: KeyStore) -> None:
    """A token is `slc_<id>_<secret>` with 256 bits of secret, no two alike."""
    first, second = [await keys.create("p", "", [Scope.LOG]) for _ in range(2)]

    scheme, key_id, secret = first.token.split("_")
    assert ("slc", first.record.id, 32) == (scheme, key_id, len(bytes.fromhex(secret)))
    assert secret not in second.token


async def test_every_character_of_a_token_counts(keys: KeyStore) -> None:
    """A token with one wrong character is refused, and the error does not contain it."""
    token = (await keys.create("p", "", [Scope.LOG])).token
    for place in range(len(token)):
        wrong = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        with pytest.raises(Unauthenticated) as refused:
            await keys.verify(wrong)
        assert wrong not in str(refused.value)
        assert "API_KEY_INVALID" == refused.value.reason


@pytest.mark.parametrize("token", ["", "slc", "slc__", "ключ", "slc_0_0", "a" * 10_000])
async def test_a_malformed_token_is_refused(keys: KeyStore, token: str) -> None:
    """Text in another form than a token is refused like a wrong token."""
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


async def test_a_ledger_without_its_pepper_verifies_nothing(ledger: SqliteLedger) -> None:
    """A server with the ledger but another pepper refuses the keys."""
    one, two = [KeyStore(ledger, pepper=p, internal_token=generate_token()) for p in (b"1", b"2")]
    token = (await one.create("p", "", [Scope.LOG])).token

    with pytest.raises(Unauthenticated):
        await two.verify(token)


async def test_a_deleted_key_is_refused(keys: KeyStore) -> None:
    """A revoked key is refused at once, and is not listed any more."""
    new_key = await keys.create("p", "", [Scope.LOG])
    await keys.delete("p", new_key.record.id)

    with pytest.raises(Unauthenticated):
        await keys.verify(new_key.token)
    assert [] == await keys.list("p", limit=10)


async def test_a_project_deletes_its_own_keys_only(keys: KeyStore) -> None:
    """A key cannot be deleted through another project."""
    new_key = await keys.create("p", "", [Scope.LOG])

    with pytest.raises(NotFound, match=new_key.record.id):
        await keys.delete("q", new_key.record.id)
    assert "p" == (await keys.verify(new_key.token)).project


async def test_keys_are_listed_by_project_page_by_page(keys: KeyStore) -> None:
    """A listing has the keys of one project, by id, and goes on after any of them."""
    records = [(await keys.create("p", f"{n}", [Scope.LOG])).record for n in range(3)]
    await keys.create("p-2", "", [Scope.LOG])

    expected = sorted(records, key=lambda record: record.id)
    assert expected[:2] == await keys.list("p", limit=2)
    assert expected[2:] == await keys.list("p", after=expected[1].id, limit=2)


async def test_a_key_needs_a_scope(keys: KeyStore) -> None:
    """A key without scopes is refused, naming the field."""
    with pytest.raises(InvalidArgument, match=r"api_key\.scopes"):
        await keys.create("p", "", [])


async def test_a_display_name_has_a_limit_in_bytes(keys: KeyStore) -> None:
    """256 bytes of display name are accepted, one more is refused with its size."""
    await keys.create("p", "é" * 128, [Scope.LOG])

    with pytest.raises(InvalidArgument, match="258 bytes"):
        await keys.create("p", "é" * 129, [Scope.LOG])


async def test_there_is_one_admin_key(keys: KeyStore, ledger: SqliteLedger) -> None:
    """The admin's key is valid once it is adopted, and a second one is never adopted."""
    new_key, second = keys.new_admin(), keys.new_admin()
    with pytest.raises(Unauthenticated):
        await keys.verify(new_key.token)
    assert not await has_admin(ledger)

    await keys.adopt_admin(new_key)

    assert await has_admin(ledger)
    assert Caller(new_key.record.id, "", frozenset({Scope.ADMIN})) == await keys.verify(
        new_key.token
    )
    with pytest.raises(AlreadyExists):
        await keys.adopt_admin(second)
    with pytest.raises(Unauthenticated):
        await keys.verify(second.token)


async def test_services_have_a_key_of_their_own(ledger: SqliteLedger) -> None:
    """The internal token is valid for everything, and is not stored."""
    token = generate_token()
    keys = KeyStore(ledger, pepper=b"pepper", internal_token=token)

    assert Caller("internal", "", frozenset(Scope)) == await keys.verify(token)
    assert [] == await ledger.scan(PARTITION, "", limit=1)


@pytest.mark.parametrize(("pepper", "token"), [(b"", "internal"), (b"pepper", "")])
def test_empty_secrets_are_refused(ledger: SqliteLedger, pepper: bytes, token: str) -> None:
    """A key store requires a pepper and an internal token."""
    with pytest.raises(ValueError, match="must not be empty"):
        KeyStore(ledger, pepper=pepper, internal_token=token)


def test_no_project_has_the_partition_of_keys() -> None:
    """The partition of API keys is not a valid project id."""
    with pytest.raises(InvalidArgument):
        check_resource_id(PARTITION, "project_id")


async def test_all_keys_of_a_project_are_revoked(ledger: SqliteLedger, keys: KeyStore) -> None:
    """Each of them is unknown at once; keys of other projects and the admin's stay valid."""
    revoked = [(await keys.create("p", "", [Scope.LOG])).token for _ in range(3)]
    admin = keys.new_admin()
    await keys.adopt_admin(admin)
    kept = [(await keys.create("p-2", "", [Scope.LOG])).token, admin.token]
    assert 3 == await count_keys(ledger, "p")

    await revoke_keys(ledger, "p")

    assert 0 == await count_keys(ledger, "p")
    for token in revoked:
        with pytest.raises(Unauthenticated):
            await keys.verify(token)
    assert ["p-2", ""] == [(await keys.verify(token)).project for token in kept]


async def test_a_key_is_created_only_if_checks_hold(ledger: SqliteLedger, keys: KeyStore) -> None:
    """A project that was changed meanwhile, as by its deletion, gets no key."""
    await ledger.commit(Transaction(PARTITION, puts={"project/p": b""}))

    with pytest.raises(Conflict):
        await keys.create("p", "", [Scope.LOG], {"project/p": 99})

    assert 0 == await count_keys(ledger, "p")
