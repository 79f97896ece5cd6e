"""What commands print for people, and for scripts."""

from __future__ import annotations

import pytest

from sluice.cli.output import show
from sluice.v1 import project_pb2

COLUMNS = [("project", lambda p: p.name), ("called", lambda p: p.display_name)]


def test_an_empty_list_has_no_header(capsys: pytest.CaptureFixture[str]) -> None:
    """Without items there is no table: people read `none`, pipes get nothing, scripts a list."""
    show([], COLUMNS, to_json=False)
    assert ("", "none\n") == capsys.readouterr()
    show([], COLUMNS, to_json=True)
    assert ("[]\n", "") == capsys.readouterr()


def test_a_list_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Each item is a line below the header."""
    show([project_pb2.Project(name="projects/p", display_name="P")], COLUMNS, to_json=False)
    output, errors = capsys.readouterr()
    assert ["project     called", "projects/p  P"] == [
        line.rstrip() for line in output.splitlines()
    ]
    assert "" == errors
