"""A search that ends early says how to resume it; one that does not, says nothing of the kind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest

from sluice import errors
from sluice.cli.search import _resumable
from sluice.v1 import dataset_frame_pb2 as pb

ID = UUID(int=7)
ONE = pb.SearchDatasetResponse(frames=1_500)


def test_a_whole_search_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The responses pass as they are."""
    assert [ONE, ONE] == list(_resumable(ID, iter([ONE, ONE])))
    assert ("", "") == capsys.readouterr()


def test_a_search_that_fails_names_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes out after the frames so far and the option that resumes the search."""

    def failing() -> Iterator[pb.SearchDatasetResponse]:
        yield ONE
        raise errors.Unavailable("the server has gone")

    with pytest.raises(errors.Unavailable):
        list(_resumable(ID, failing()))
    assert f"stopped after 1,500 frames; resume with --id {ID}\n" == capsys.readouterr().err


def test_a_search_that_fails_at_once_names_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Before its first frame there is nothing to resume."""

    def failing() -> Iterator[pb.SearchDatasetResponse]:
        yield from ()
        raise errors.NotFound("projects/p/datasets/d does not exist")

    with pytest.raises(errors.NotFound):
        list(_resumable(ID, failing()))
    assert "" == capsys.readouterr().err


PROGRAM = """
from sluice.cli.search import _resumable
from tests.unit.client.test_search import ID, ONE

def interrupted():
    yield ONE
    raise KeyboardInterrupt

list(_resumable(ID, interrupted()))
"""


def test_an_interrupted_search_says_so() -> None:
    """Ctrl-C ends the command with its exit code, the frames so far, and the id."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (130, f"\ninterrupted after 1,500 frames; resume with --id {ID}\n") == (
        done.returncode, done.stderr
    )  # fmt: skip
