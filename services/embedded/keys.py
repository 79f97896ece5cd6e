"""The keys of an embedded server, generated at the first start unless they are configured."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.embedded.secret_files import read_secret, write_secret
from services.ledger.interface import Ledger
from services.server.keys import KeyStore, generate_token, has_admin
from services.server.settings import Settings
from sluice.errors import FailedPrecondition

_PEPPER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class EmbeddedKeys:
    """The key store, and the token that the services of this process send each other."""

    store: KeyStore
    internal_token: str


async def open_keys(ledger: Ledger, settings: Settings) -> EmbeddedKeys:
    """Open the key store.

    Raises FailedPrecondition when there are API keys, but the file of their pepper is missing.
    """
    internal_token = _secret_value(settings.internal_key) or generate_token()
    pepper = _secret_value(settings.pepper)
    if pepper is None:
        pepper = _load_pepper(settings.data_dir / "pepper", has_keys=await has_admin(ledger))
    store = KeyStore(ledger, pepper=pepper.encode(), internal_token=internal_token)
    return EmbeddedKeys(store, internal_token)


async def ensure_admin_file(ledger: Ledger, store: KeyStore, path: Path) -> bool:
    """Create the admin's key and its file at the first start; returns whether this is the first."""
    if await has_admin(ledger):
        return False
    new_key = store.new_admin()
    # The file first: a key that nobody knows could not be created again.
    write_secret(path, new_key.token)
    await store.adopt_admin(new_key)
    return True


def _secret_value(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _load_pepper(path: Path, *, has_keys: bool) -> str:
    """The pepper in a file, generated at the first start."""
    pepper = read_secret(path)
    if pepper is None:
        if has_keys:
            raise FailedPrecondition(
                f"{path} is missing: without it no API key of this server can be verified; "
                "restore the file, or set SLUICE_PEPPER to its content"
            )
        pepper = secrets.token_hex(_PEPPER_BYTES)
        write_secret(path, pepper)
    return pepper
