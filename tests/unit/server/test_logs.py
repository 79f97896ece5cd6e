"""Log records: no values of variables, and the configured level."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from services.server import logs
from services.server.settings import Settings


@pytest.fixture(autouse=True)
def _reset_structlog() -> Iterator[None]:
    """Leave structlog as other tests expect it."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_values(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """An exception is logged with its traceback, but never with the values of variables."""
    logs.configure(Settings.model_validate({"log_format": log_format}))
    key = "slc_" + "0123"  # concatenated, so that the traceback's source line does not contain it
    try:
        _fail(key)
    except ValueError:
        structlog.get_logger().exception("failed")

    logged = capsys.readouterr().err
    assert "ValueError: a bug" in logged.replace("\\n", "\n")
    assert key not in logged


def _fail(key: str) -> None:
    assert key
    raise ValueError("a bug")


def test_records_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """Records from the level on are lines of JSON, unless stderr is a terminal."""
    logs.configure(Settings.model_validate({"log_level": "warning"}))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud", rpc_id="7")

    record = json.loads(capsys.readouterr().err)
    assert ("loud", "warning", "7") == (record["event"], record["level"], record["rpc_id"])
