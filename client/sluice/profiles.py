"""Profiles: the target, API key and default project of a server, in a file that `login` writes.

The file is `sluice/config.toml` in the user's configuration folder, `XDG_CONFIG_HOME` or
`~/.config`. Only its owner can read it, since it has API keys.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final

from sluice.errors import FailedPrecondition, InvalidArgument, NotFound

DEFAULT_PROFILE: Final = "default"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_READABLE_BY_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Profile:
    """How to reach a server: its target, an API key, and the id of the default project."""

    target: str = ""
    api_key: str = field(default="", repr=False)
    project: str = ""


def config_path() -> Path:
    """The file of all profiles."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "sluice" / "config.toml"


def read_profiles() -> dict[str, Profile]:
    """All profiles by name; none if there is no file.

    Raises InvalidArgument for a malformed file, and FailedPrecondition if others can read it.
    """
    path = config_path()
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument.of("config", f"{path} cannot be read: {error}") from error
    if os.name == "posix" and mode & _READABLE_BY_OTHERS:
        problem = f"{path} has API keys, and others can read it; use `chmod 600 {path}`"
        raise FailedPrecondition(problem)
    try:
        sections = tomllib.loads(text).get("profiles", {})
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument.of("config", f"{path}: {error}") from error
    if not isinstance(sections, Mapping):
        raise InvalidArgument.of("config", f"{path}: profiles is not a table")
    return {name: _read_profile(path, name, section) for name, section in sections.items()}


def _read_profile(path: Path, name: str, section: object) -> Profile:
    if not isinstance(section, Mapping):
        raise InvalidArgument.of("config", f"{path}: profiles.{name} is not a table")
    known = {f.name for f in fields(Profile)}
    for key, value in section.items():
        if key not in known or not isinstance(value, str):
            problem = f"{path}: profiles.{name}.{key}: expected text for {', '.join(sorted(known))}"
            raise InvalidArgument.of("config", problem)
    return Profile(**section)


def find_profile(name: str) -> Profile:
    """The profile of that name; an empty one if the default profile does not exist.

    Raises NotFound naming the profiles that exist.
    """
    profiles = read_profiles()
    if not name or (name == DEFAULT_PROFILE and name not in profiles):
        return profiles.get(DEFAULT_PROFILE, Profile())
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        problem = f"profile: no profile {name!r} in {config_path()}; existing: {known}"
        raise NotFound(f"{problem}; see `sluice login --help`")
    return profiles[name]


def save_profile(name: str, profile: Profile) -> Path:
    """Store a profile under a name; returns the file."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument.of("profile", f"{name!r}: expected 1 to 63 of a-z, A-Z, 0-9, _ and -")
    return _write({**read_profiles(), name: profile})


def remove_profile(name: str) -> Path:
    """Remove a profile; raises NotFound naming those that exist."""
    profiles = read_profiles()
    find_profile(name)
    if name not in profiles:
        raise NotFound(f"profile: no profile {name!r} in {config_path()}")
    return _write({other: profile for other, profile in profiles.items() if other != name})


def _quote(text: str) -> str:
    """Text as TOML: that is JSON with characters as they are, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(profiles: Mapping[str, Profile]) -> Path:
    """Replace the file at once, so that no reader sees half of it."""
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["# Written by `sluice login`. It has API keys: keep it private."]
    for name, profile in sorted(profiles.items()):
        values = {key: _quote(value) for key, value in asdict(profile).items() if value}
        lines += ["", f"[profiles.{name}]", *(f"{key} = {text}" for key, text in values.items())]
    new_path = path.with_name(f"{path.name}.{os.getpid()}")
    new_path.unlink(missing_ok=True)
    descriptor = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    new_path.replace(path)
    return path
