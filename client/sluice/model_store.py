"""Scoring models on the disk by digest: downloaded once, verified at every read."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import grpc

from sluice import errors, rpc_errors
from sluice.scoring import Basis, Scorer, ScoringModel
from sluice.v1 import campaign_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub

SPARE_BYTES: Final = 64 * 2**20
"""Disk space that downloads must leave free."""

_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)

_MODEL = campaign_pb2.GetScoringModelRequest.FILE_MODEL
_BASIS = campaign_pb2.GetScoringModelRequest.FILE_BASIS

_File = TypeVar("_File")

OnProgress = Callable[[int, int], None]
"""Called with the number of files present, and the number needed."""


def default_folder() -> Path:
    """The folder for models: `SLUICE_CACHE_DIR`, else a folder in the user's cache."""
    configured = os.environ.get("SLUICE_CACHE_DIR")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice"


class ModelStore:
    """A folder of models and bases, each named by the SHA-256 of its content."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()

    def fetch(
        self,
        channel: grpc.Channel,
        versions: Sequence[campaign_pb2.CampaignVersion],
        on_progress: OnProgress | None = None,
    ) -> None:
        """Download the models and bases of these versions that are missing or damaged.

        Raises ResourceExhausted with the needed and the free bytes if the disk has too little
        space, and DataLoss if a download does not match its digest.
        """
        stub = CampaignServiceStub(channel)
        files = _needed_files(versions)
        for done, (digest, (version, file)) in enumerate(files.items()):
            if on_progress is not None:
                on_progress(done, len(files))
            if self._read(digest) is None:
                self._write(digest, self._download(stub, digest, version, file))
        if on_progress is not None:
            on_progress(len(files), len(files))

    def scorer(self, versions: Sequence[campaign_pb2.CampaignVersion]) -> Scorer:
        """The scorer of fetched versions, with one column per version.

        Raises NotFound for a missing or damaged file: fetch it again.
        """
        models = [self._load(v.model_digest, ScoringModel.from_bytes) for v in versions]
        digests = {v.basis_digest for v in versions} - {""}
        return Scorer(models, {d: self._load(d, Basis.from_bytes) for d in digests})

    def _load(self, digest: str, read: Callable[[bytes], _File]) -> _File:
        content = self._read(digest)
        if content is None:
            raise errors.NotFound(
                f"{self._folder}: file {digest} is missing or damaged; call sync_state again"
            )
        return read(content)

    def _read(self, digest: str) -> bytes | None:
        """The content with this digest; None if the file is missing or damaged."""
        try:
            content = (self._folder / digest).read_bytes()
        except FileNotFoundError:
            return None
        return content if sha256(content).hexdigest() == digest else None

    def _download(self, stub: CampaignServiceStub, digest: str, version: str, file: Any) -> bytes:
        request = campaign_pb2.GetScoringModelRequest(name=version, file=file)
        content = bytearray()
        try:
            for chunk in stub.GetScoringModel(request):
                if not content:
                    self._check_free_space(chunk.total_bytes)
                content += chunk.data
        except grpc.RpcError as error:
            raise rpc_errors.from_rpc_error(error) from rpc_errors.FailedCall(error)
        if sha256(content).hexdigest() != digest:
            raise errors.DataLoss(
                f"{version}: the downloaded file does not match digest {digest}",
                metadata={"digest": digest},
            )
        return bytes(content)

    def _check_free_space(self, size_bytes: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if size_bytes + SPARE_BYTES > shutil.disk_usage(self._folder).free:
            raise self._disk_full_error(size_bytes)

    def _disk_full_error(self, size_bytes: int) -> errors.ResourceExhausted:
        free = shutil.disk_usage(self._folder).free
        return errors.ResourceExhausted(
            f"{self._folder}: {free:,} bytes are free; a model of {size_bytes:,} bytes needs that "
            f"and {SPARE_BYTES:,} more",
            metadata={"limit": str(free)},
        )

    def _write(self, digest: str, content: bytes) -> None:
        """Write a file atomically: a reader sees all of it, or no file."""
        unfinished = self._folder / f"{digest}.{uuid4().hex}"
        try:
            unfinished.write_bytes(content)
            unfinished.replace(self._folder / digest)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            if error.errno in _DISK_FULL_ERRNOS:
                raise self._disk_full_error(len(content)) from error
            raise


def _needed_files(
    versions: Iterable[campaign_pb2.CampaignVersion],
) -> dict[str, tuple[str, Any]]:
    """The needed digests, each with the name of a version that has it and the kind of file."""
    files: dict[str, tuple[str, Any]] = {}
    for version in versions:
        files[version.model_digest] = (version.name, _MODEL)
        if version.basis_digest:
            files[version.basis_digest] = (version.name, _BASIS)
    return files
