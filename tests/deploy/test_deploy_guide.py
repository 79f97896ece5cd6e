"""docs/deploy.md lists every setting with its default."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from services.ledger.redis.checks import SETTINGS as REDIS_SETTINGS
from tests.deploy.manifests import ROOT, SETTINGS

GUIDE = (ROOT / "docs/deploy.md").read_text()


def read_rows() -> dict[str, list[str]]:
    """The cells of each row of the table of settings, by the setting's name."""
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", GUIDE, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in rows}


def format_default(field: Any) -> str:
    """A default in the form of the table."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "none" if value is None else f"`{value}`"


def test_every_setting_is_documented() -> None:
    """The table has every setting of every process, and the processes that have it."""
    documented = {name: set(cells[0].split(", ")) for name, cells in read_rows().items()}
    names = {field for kind in SETTINGS.values() for field in kind.model_fields}
    processes = {
        name: {process for process, kind in SETTINGS.items() if name in kind.model_fields}
        for name in names
    }

    assert processes == {
        name: set(SETTINGS) if {"all"} == listed else listed for name, listed in documented.items()
    }


def test_defaults_are_documented() -> None:
    """The table has the default of every setting, in words where it depends on something."""
    in_words = {"port": "by process", "scoring_threads": "CPUs"}
    defaults = {
        name: format_default(field)
        for kind in SETTINGS.values()
        for name, field in kind.model_fields.items()
    }

    assert defaults | in_words == {name: cells[1] for name, cells in read_rows().items()}


def test_required_redis_settings_are_documented() -> None:
    """The guide names every setting of Redis that the ledger checks."""
    assert set() == {
        name for name, value in REDIS_SETTINGS.items() if f"`{name} {value}`" not in GUIDE
    }
