"""Settings: their sources, defaults and checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.server.settings import Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide settings in the environment of the test run."""
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


def test_the_environment_overrides_secrets_which_override_the_file(
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
    """An invalid value and an unknown setting are refused by name."""
    file = tmp_path / "sluice.toml"
    file.write_text(line)

    with pytest.raises(ValidationError, match=line.split()[0]):
        Settings.load(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A settings file that is given must exist."""
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        Settings.load(tmp_path / "none.toml")


def test_secrets_are_not_printed() -> None:
    """The representation of settings holds no secret."""
    settings = Settings.model_validate({"pepper": "hush" * 8, "internal_key": "hush" * 8})

    assert "hush" not in repr(settings)
