"""The admin's key of a cluster, which its operator makes and sets."""

from __future__ import annotations

from pydantic import SecretStr

from services.ledger.interface import Conflict, Ledger
from services.server.keys import KeyStore, has_admin, new_token
from sluice.errors import FailedPrecondition


async def admit(ledger: Ledger, keys: KeyStore, admin_key: SecretStr | None) -> None:
    """Make the key that is set the admin's.

    Raises FailedPrecondition when none is set and there is none yet.
    """
    if admin_key is None:
        if await has_admin(ledger):
            return
        raise FailedPrecondition(
            "admin_key: set SLUICE_ADMIN_KEY, once, to a secret of this form, which is new and "
            f"nobody has seen but you: {new_token()}"
        )
    try:
        await keys.set_admin(admin_key.get_secret_value())
    except Conflict:
        # Another process of this service has just set it.
        await keys.set_admin(admin_key.get_secret_value())
