"""Every service in one process, on one port, as `sluiced`, tests and the demo run them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.blobs.folder import FolderBlobs
from services.campaign import wiring as campaign
from services.curation import wiring as curation
from services.embedded.keys import ensure_admin_file, open_keys
from services.ingest import wiring as ingest
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.campaign import follow_campaigns
from services.peers.campaign_peers import connect_campaign_peers
from services.peers.curation_peers import connect_curation_peers
from services.peers.models import Models
from services.records.guarded_stores import guard_stores
from services.records.stores import Stores
from services.scorer import wiring as scorer
from services.server.draining import Draining
from services.server.server import Server
from services.server.settings import Settings
from services.vectors.edge.vectors import EdgeVectors

_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - a configured address


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A started server: its address, its data folder, and the file of the admin's key."""

    target: str
    data_dir: Path
    admin_file: Path
    first_start: bool

    @property
    def admin_key(self) -> str:
        """The admin's key, as long as its file exists."""
        return self.admin_file.read_text().strip()

    @property
    def greeting(self) -> str:
        """The announcement on stdout: the address and, at the first start, the admin's key."""
        listens = f"sluiced listens on {self.target}; its data folder is {self.data_dir}"
        return "\n".join([*self._framed_key(), listens] if self.first_start else [listens])

    def _framed_key(self) -> list[str]:
        lines = [
            "The admin's key, shown only once:",
            "",
            self.admin_key,
            "",
            f"It is also in {self.admin_file}, readable only by you, for scripts;",
            "delete that file once the key is in a safe place.",
        ]
        width = max(map(len, lines))
        frame = "─" * (width + 2)
        return [f"┌{frame}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{frame}┘"]


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[EmbeddedServer]:
    """Serve until left; then drain streams, finish calls under way, and close the stores.

    Raises FailedPrecondition when the data folder or the port is in use by another server.
    """
    async with AsyncExitStack() as stack:
        stores = await _open_stores(settings.data_dir, stack)
        keys = await open_keys(stores.ledger, settings)
        draining = Draining()
        server = Server(keys.store, draining, settings)
        port = server.bind(settings.host, settings.port)
        own = f"{_ANY_ADDRESS.get(settings.host, settings.host)}:{port}"
        active = await stack.enter_async_context(follow_campaigns(own, keys.internal_token))
        campaign_peers = await stack.enter_async_context(
            connect_campaign_peers(own, own, keys.internal_token)
        )
        curation_peers = await stack.enter_async_context(
            connect_curation_peers(own, own, keys.internal_token)
        )
        models = Models(stores.blobs, bytes_max=settings.models_bytes_max)
        servicers = [
            *campaign.servicers(stores, keys.store, draining, campaign_peers),
            *await stack.enter_async_context(scorer.servicers(active, models, draining, settings)),
            *await stack.enter_async_context(
                # Named after the data folder: after a restart it resumes its own lease at once.
                ingest.servicers(
                    stores, active, models, draining, settings, owner=str(settings.data_dir)
                )
            ),
            *curation.servicers(stores, curation_peers, active, models, draining),
        ]
        # Last, so that the key is shown only when the server really starts.
        admin_file = settings.data_dir / "admin.key"
        first_start = await ensure_admin_file(stores.ledger, keys.store, admin_file)
        stack.push_async_callback(server.stop)
        await server.start(servicers)
        yield EmbeddedServer(f"{settings.host}:{port}", settings.data_dir, admin_file, first_start)


async def _open_stores(data_dir: Path, stack: AsyncExitStack) -> Stores:
    await asyncio.to_thread(data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
    ledger = await SqliteLedger.open(data_dir / "ledger.sqlite")
    stack.push_async_callback(ledger.close)
    vectors = await EdgeVectors.open(data_dir / "vectors")
    stack.push_async_callback(vectors.close)
    blobs = await asyncio.to_thread(FolderBlobs, data_dir / "blobs")
    return guard_stores(Stores(ledger, vectors, blobs))
