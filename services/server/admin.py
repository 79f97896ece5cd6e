"""The admin's key of a cluster, which its operator generates and sets."""

from __future__ import annotations

from pydantic import SecretStr

from services.ledger.interface import Conflict, Ledger
from services.server.keys import KeyStore, generate_token, has_admin
from sluice.errors import FailedPrecondition


async def ensure_admin_key(ledger: Ledger, keys: KeyStore, admin_key: SecretStr | None) -> None:
    """Make the configured key the admin's.

    Raises FailedPrecondition when none is configured and none was set before.
    """
    if admin_key is None:
        if await has_admin(ledger):
            return
        raise FailedPrecondition(
            "admin_key: required for the first start; set SLUICE_ADMIN_KEY to a secret of this "
            f"form, just generated for you and stored nowhere: {generate_token()}"
        )
    try:
        await keys.set_admin(admin_key.get_secret_value())
    except Conflict:
        # Another process of this service has just set it.
        await keys.set_admin(admin_key.get_secret_value())
