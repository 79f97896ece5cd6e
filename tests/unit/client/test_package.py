"""`import sluice` offers all exported names, and imports modules on first use only."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sluice


def test_every_exported_name_can_be_imported() -> None:
    """Each name of `__all__` exists, `dir` lists it, and `from sluice import *` binds it."""
    names: dict[str, object] = {}
    exec("from sluice import *", names)  # noqa: S102 - the statement is ours

    assert set(sluice.__all__) <= set(dir(sluice))
    assert {name: getattr(sluice, name) for name in sluice.__all__} == {
        name: names[name] for name in sluice.__all__
    }


def test_modules_are_attributes_without_an_import() -> None:
    """`sluice.errors.NotFound` works after `import sluice` alone, as do other modules."""
    program = "import sluice; print(sluice.errors.NotFound.__name__, sluice.names.__name__)"
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert ["NotFound", "sluice.names"] == output.split()


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name raises AttributeError, so `hasattr` is false for it."""
    with pytest.raises(AttributeError, match="CollectionCleint"):
        getattr(sluice, "CollectionCleint")  # noqa: B009 - mypy knows that it is not there
    assert not hasattr(sluice, "CollectionCleint")
