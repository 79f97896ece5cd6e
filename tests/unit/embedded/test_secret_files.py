"""Secrets in files: private, replaced atomically, missing."""

from __future__ import annotations

import stat
from pathlib import Path

from services.embedded.secret_files import read_secret, write_secret


def test_a_secret_is_read_as_written(tmp_path: Path) -> None:
    """A secret is one line of a file that only its owner can read."""
    path = tmp_path / "pepper"
    write_secret(path, "hush")

    assert "hush" == read_secret(path)
    assert "hush\n" == path.read_text()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_an_interrupted_write_is_made_again(tmp_path: Path) -> None:
    """The temporary file of a write that died is replaced, and none is left behind."""
    path = tmp_path / "pepper"
    (tmp_path / "pepper.tmp").write_text("half")
    write_secret(path, "old")
    write_secret(path, "new")

    assert "new" == read_secret(path)
    assert [path] == list(tmp_path.iterdir())


def test_a_missing_or_empty_file_has_no_secret(tmp_path: Path) -> None:
    """Neither a missing nor an empty file has a secret."""
    (tmp_path / "empty").touch()

    assert read_secret(tmp_path / "none") is None
    assert read_secret(tmp_path / "empty") is None
