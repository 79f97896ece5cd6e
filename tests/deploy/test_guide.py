"""docs/deploy.md tells operators what is so."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from services.ledger.redis.checks import SETTINGS as REDIS_SETTINGS
from tests.deploy.rendered import ROOT, SETTINGS

GUIDE = (ROOT / "docs/deploy.md").read_text()


def rows() -> dict[str, list[str]]:
    """The cells of each row of the table of settings, by the setting's name."""
    found = re.findall(r"^\| `(\w+)` \|(.+)\|$", GUIDE, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in found}


def shown(field: Any) -> str:
    """A default as the table has it."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "none" if value is None else f"`{value}`"


def test_every_setting_is_told() -> None:
    """The table has every setting of every process, and which processes have it."""
    told = {name: set(cells[0].split(", ")) for name, cells in rows().items()}
    names = {field for kind in SETTINGS.values() for field in kind.model_fields}
    processes = {
        name: {each for each, kind in SETTINGS.items() if name in kind.model_fields}
        for name in names
    }

    assert processes == {
        name: set(SETTINGS) if {"all"} == each else each for name, each in told.items()
    }


def test_defaults_are_told() -> None:
    """The table has the default of every setting; one that differs is not in it but in words."""
    differing = {"port": "by process", "scoring_threads": "CPUs"}
    defaults = {
        name: shown(field)
        for kind in SETTINGS.values()
        for name, field in kind.model_fields.items()
    }

    assert defaults | differing == {name: cells[1] for name, cells in rows().items()}


def test_what_redis_needs_is_told() -> None:
    """The guide names every setting of Redis that the ledger looks at."""
    assert set() == {
        name for name, value in REDIS_SETTINGS.items() if f"`{name} {value}`" not in GUIDE
    }
