"""Opening of the blob store that a setting names."""

from __future__ import annotations

from pathlib import Path

from services.blobs.filesystem import FilesystemBlobs
from services.blobs.folder import FolderBlobs
from services.blobs.interface import Blobs


def open_blobs(address: str) -> Blobs:
    """The blob store in a folder, or below an fsspec URL (`s3://bucket/path`)."""
    folder = address.removeprefix("file://")  # fsspec would not sync it to disk
    return FilesystemBlobs(address) if "://" in folder else FolderBlobs(Path(folder))
