"""Which blob store a setting names."""

from __future__ import annotations

from pathlib import Path

from services.blobs.filesystem import FilesystemBlobs
from services.blobs.folder import FolderBlobs
from services.blobs.interface import Blobs


def open_blobs(place: str) -> Blobs:
    """The blobs in a folder, or below an fsspec URL (`s3://bucket/path`)."""
    folder = place.removeprefix("file://")  # through fsspec it would not be flushed to the disk
    return FilesystemBlobs(place) if "://" in folder else FolderBlobs(Path(folder))
