"""Imports every module of the client, and says on which versions of its needs that worked."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import version

import sluice

NEEDS = ("grpcio", "numpy", "protobuf", "safetensors")

# What needs an extra, and whatever lies below it.
EXTRAS = ("sluice.cli", "sluice.formats.arrow", "sluice.plots")

modules = [
    module.name
    for module in pkgutil.walk_packages(sluice.__path__, "sluice.", onerror=lambda name: None)
    if not module.name.startswith(EXTRAS)
]
for name in modules:
    importlib.import_module(name)
versions = ", ".join(f"{need} {version(need)}" for need in NEEDS)
print(f"{len(modules)} modules of the client import on {versions}")
