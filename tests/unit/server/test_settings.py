"""Where settings come from."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError

from services.server import logs
from services.server.settings import Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to be set where tests run is no matter."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)


def test_all_settings_have_a_default() -> None:
    """Without any setting the server runs on its usual port, for this machine alone."""
    settings = Settings.load()

    assert ("127.0.0.1", 50_050, Path("sluice-data")) == (
        settings.host,
        settings.port,
        settings.data_dir,
    )


def test_the_environment_beats_secrets_and_they_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting is taken from the environment, else from the secrets, else from the file."""
    file = tmp_path / "sluice.toml"
    file.write_text(
        "port = 1\nhost = 'file'\npepper = 'file 56789012345678901234567890'\ngrace_s = 3.5\n"
    )
    (tmp_path / "sluice_pepper").write_text("secret" * 8 + "\n")
    (tmp_path / "sluice_host").write_text("secret")
    monkeypatch.setenv("SLUICE_PORT", "2")
    monkeypatch.setenv("SLUICE_HOST", "environment")
    settings = Settings.load(file, tmp_path)

    assert settings.pepper is not None
    assert ("environment", 2, "secret" * 8, 3.5) == (
        settings.host,
        settings.port,
        settings.pepper.get_secret_value(),
        settings.grace_s,
    )


@pytest.mark.parametrize(
    "line", ["port = 70000", "prot = 1", "log_format = 'xml'", "grace_s = -1", "pepper = ''"]
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str) -> None:
    """A value that is not accepted, and a setting that does not exist, are refused by name."""
    file = tmp_path / "sluice.toml"
    file.write_text(line)

    with pytest.raises(ValidationError, match=line.split()[0]):
        Settings.load(file)


def test_a_missing_file_is_no_empty_one(tmp_path: Path) -> None:
    """A settings file that is named must be there."""
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        Settings.load(tmp_path / "none.toml")


def test_secrets_are_not_shown() -> None:
    """Printing settings does not print what is secret in them."""
    settings = Settings.model_validate({"pepper": "hush" * 8, "internal_key": "hush" * 8})

    assert "hush" not in repr(settings)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_values(monkeypatch: pytest.MonkeyPatch, log_format: str) -> None:
    """An exception is logged with its traceback, but never with the values of variables."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure(Settings.model_validate({"log_format": log_format}))
    key = "slc_" + "0123"  # put together, so that the source line in the traceback has it not
    try:
        _fail(key)
    except ValueError:
        structlog.get_logger().exception("failed")
    structlog.reset_defaults()

    assert "ValueError: a bug" in written.getvalue().replace("\\n", "\n")
    assert key not in written.getvalue()


def _fail(key: str) -> None:
    assert key
    raise ValueError("a bug")


def test_the_level_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records below the level are not written; off a terminal the others are lines of JSON."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure(Settings.model_validate({"log_level": "warning"}))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud", rpc_id="7")
    structlog.reset_defaults()

    record = json.loads(written.getvalue())
    assert ("loud", "warning", "7") == (record["event"], record["level"], record["rpc_id"])
