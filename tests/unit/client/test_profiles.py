"""Profiles are kept in a file that only its owner can read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import FailedPrecondition, InvalidArgument, NotFound
from sluice.profiles import (
    Profile,
    config_path,
    find_profile,
    read_profiles,
    remove_profile,
    save_profile,
)

WORK = Profile("sluice.example.org:443", "slc_0_secret", "night-fleet")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own; returns the file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return config_path()


def test_a_profile_is_kept(config: Path) -> None:
    """Profiles are found by name, replaced and removed, each alone."""
    assert {} == read_profiles()
    assert Profile() == find_profile("") == find_profile("default")
    save_profile("work", Profile("old:1"))
    save_profile("default", Profile("localhost:1"))
    assert config == save_profile("work", WORK)
    assert WORK == find_profile("work")
    assert Profile("localhost:1") == find_profile("")
    remove_profile("default")
    assert {"work": WORK} == read_profiles()
    with pytest.raises(NotFound, match=r"'home'.* existing: work; see `sluice login --help`"):
        find_profile("home")
    with pytest.raises(NotFound, match="'default'"):
        remove_profile("default")


def test_only_the_owner_can_read_it(config: Path) -> None:
    """The file has mode 0600 and its folder 0700; a file that others can read is refused."""
    save_profile("work", WORK)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (config, config.parent)]
    assert [0o600, 0o700] == modes
    assert [config] == list(config.parent.iterdir())
    config.chmod(0o640)
    with pytest.raises(FailedPrecondition, match=f"chmod 600 {config}"):
        read_profiles()


def test_the_key_is_not_in_the_repr() -> None:
    """A profile can be logged without its key."""
    assert "secret" not in repr(WORK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[profiles.work", "at end of document"),
        ("profiles = 3", "profiles is not a table"),
        ("[profiles]\nwork = 1", r"profiles\.work is not a table"),
        ("[profiles.work]\nkey = 'x'", r"profiles\.work\.key: expected text for api_key, project"),
        ("[profiles.work]\ntarget = 1", r"profiles\.work\.target: expected text"),
    ],
)
def test_a_malformed_file_is_named(config: Path, text: str, message: str) -> None:
    """The error names the file, and the line or the key."""
    save_profile("work", WORK)
    config.write_text(text)
    with pytest.raises(InvalidArgument, match=message) as caught:
        read_profiles()
    assert str(config) in caught.value.message


def test_an_unreadable_file_is_named(config: Path) -> None:
    """A file that is not UTF-8 is an error that names it."""
    save_profile("work", WORK)
    config.write_bytes(b"\xff")
    with pytest.raises(InvalidArgument, match="cannot be read") as caught:
        read_profiles()
    assert str(config) in caught.value.message


def test_a_name_is_plain() -> None:
    """A profile's name has no spaces and no dots."""
    for name in ("", "a b", "a.b", "x" * 64):
        with pytest.raises(InvalidArgument, match="expected 1 to 63"):
            save_profile(name, WORK)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, TEXT, TEXT)
def test_any_text_is_kept(target: str, api_key: str, project: str) -> None:
    """What is written is read again, whatever characters it has."""
    profile = Profile(target, api_key, project)
    save_profile("work", profile)
    assert profile == find_profile("work")
