"""The keys of an embedded server: what is not set is made at the first start, and kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.embedded.secret_files import keep, kept
from services.ledger.interface import Ledger
from services.server.keys import KeyStore, has_admin, new_token
from services.server.settings import Settings
from sluice.errors import FailedPrecondition

_PEPPER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The key store, and the token that services of this server send each other."""

    store: KeyStore
    internal_token: str


async def open_keys(ledger: Ledger, settings: Settings) -> Keys:
    """Open the key store.

    Raises FailedPrecondition when the pepper that API keys were made with is gone.
    """
    internal_token = _value(settings.internal_key) or new_token()
    pepper = _value(settings.pepper)
    if pepper is None:
        pepper = _kept_pepper(settings.data_dir / "pepper", made=await has_admin(ledger))
    store = KeyStore(ledger, pepper=pepper.encode(), internal_token=internal_token)
    return Keys(store, internal_token)


async def mint_admin(ledger: Ledger, store: KeyStore, path: Path) -> bool:
    """At the first start, make the admin's key and keep it in that file; whether it was that."""
    if await has_admin(ledger):
        return False
    made = store.new_admin()
    # The file first: a key that is known to nobody could not be made again.
    keep(path, made.token)
    await store.adopt_admin(made)
    return True


def _value(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _kept_pepper(path: Path, *, made: bool) -> str:
    pepper = kept(path)
    if pepper is None:
        if made:
            raise FailedPrecondition(
                f"{path} is missing: the API keys of this server were made with what was in it; "
                "put it back, or set SLUICE_PEPPER"
            )
        pepper = secrets.token_hex(_PEPPER_BYTES)
        keep(path, pepper)
    return pepper
