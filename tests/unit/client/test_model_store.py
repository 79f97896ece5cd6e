"""The model store: downloads once, verifies digests, and reports a full disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from sluice import errors
from sluice.model_store import ModelStore, default_folder
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import (
    CampaignServiceServicer,
    add_CampaignServiceServicer_to_server,
)

FILES = {
    pb.GetScoringModelRequest.FILE_MODEL: b"model" * 9,
    pb.GetScoringModelRequest.FILE_BASIS: b"b",
}
DIGESTS = [sha256(content).hexdigest() for content in FILES.values()]
VERSION = pb.CampaignVersion(
    name="projects/p/campaigns/c/versions/1", model_digest=DIGESTS[0], basis_digest=DIGESTS[1]
)


class Downloads(CampaignServiceServicer):
    """Sends files in chunks of four bytes; `damage` is put before the first."""

    def __init__(self) -> None:
        self.requested: list[int] = []
        self.damage = b""

    def GetScoringModel(  # noqa: N802 - the name is gRPC's
        self, request: pb.GetScoringModelRequest, context: Any
    ) -> Iterator[pb.GetScoringModelResponse]:
        """Stream a file."""
        self.requested.append(request.file)
        content = self.damage + FILES[request.file]
        for start in range(0, len(content), 4):
            yield pb.GetScoringModelResponse(
                data=content[start : start + 4], total_bytes=len(content)
            )


@pytest.fixture
def downloads() -> Downloads:
    """The service."""
    return Downloads()  # type: ignore[abstract]  # nothing else is called


@pytest.fixture
def channel(downloads: Downloads) -> Iterator[grpc.Channel]:
    """A channel to the service."""
    server = grpc.server(ThreadPoolExecutor(2))
    add_CampaignServiceServicer_to_server(downloads, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(None).wait()


def stored(folder: Path) -> dict[str, bytes]:
    """The contents of the files in a folder, by name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_files_are_downloaded_once(
    tmp_path: Path, channel: grpc.Channel, downloads: Downloads
) -> None:
    """A stored file is not requested again, not even for another version that shares it."""
    seen: list[tuple[int, int]] = []
    store = ModelStore(tmp_path / "models")
    store.fetch(channel, [VERSION, VERSION], lambda done, total: seen.append((done, total)))
    store.fetch(channel, [VERSION])
    assert dict(zip(DIGESTS, FILES.values(), strict=True)) == stored(tmp_path / "models")
    assert list(FILES) == downloads.requested
    assert [(0, 2), (1, 2), (2, 2)] == seen


def test_only_a_damaged_file_is_downloaded_again(
    tmp_path: Path, channel: grpc.Channel, downloads: Downloads
) -> None:
    """A file that does not match its digest is replaced; the others do not change."""
    store = ModelStore(tmp_path)
    store.fetch(channel, [VERSION])
    (tmp_path / DIGESTS[1]).write_bytes(b"")
    with pytest.raises(errors.NotFound, match=f"{DIGESTS[1]}.*sync_state"):
        store._load(DIGESTS[1], bytes)  # noqa: SLF001 - these files are not real models
    store.fetch(channel, [VERSION])
    assert FILES[pb.GetScoringModelRequest.FILE_BASIS] == (tmp_path / DIGESTS[1]).read_bytes()
    assert [*FILES, pb.GetScoringModelRequest.FILE_BASIS] == downloads.requested


def test_a_damaged_download_is_not_kept(
    tmp_path: Path, channel: grpc.Channel, downloads: Downloads
) -> None:
    """A download that does not match its digest is discarded."""
    downloads.damage = b"?"
    with pytest.raises(errors.DataLoss, match=f"versions/1.*{DIGESTS[0]}"):
        ModelStore(tmp_path).fetch(channel, [VERSION])
    assert {} == stored(tmp_path)


def test_a_disk_that_fills_up_meanwhile(
    tmp_path: Path, channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up during a write raises ResourceExhausted; no partial file remains."""

    def fail_to_write(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail_to_write)
    with pytest.raises(errors.ResourceExhausted, match="a model of 45 bytes needs"):
        ModelStore(tmp_path).fetch(channel, [VERSION])
    assert {} == stored(tmp_path)


def test_where_models_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SLUICE_CACHE_DIR overrides the user's cache."""
    monkeypatch.delenv("SLUICE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "sluice" == default_folder()
    monkeypatch.setenv("SLUICE_CACHE_DIR", str(tmp_path / "models"))
    assert tmp_path / "models" == default_folder()
