"""The schema of --json: the table of docs/cli.md, and the messages that it names."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sluice.v1
from sluice.resources.filters import NO_SPLIT

PAGE: Final = Path(__file__).parents[2] / "docs" / "cli.md"
_ROW: Final = re.compile(r"^\| (`[a-z`, -]+`) \| (list of |)((?:`[\w.]+`(?:, | and )?)+) \|$", re.M)


@dataclass(frozen=True, slots=True)
class Form:
    """What a command prints: one object or a list of them, with the fields of a message or keys."""

    is_list: bool
    message: Any
    keys: tuple[str, ...]


def _find_message(name: str) -> Any:
    """The descriptor of a message of the API."""
    first, *nested = name.split(".")
    for module in pkgutil.iter_modules(sluice.v1.__path__):
        if module.name.endswith("_pb2"):
            pb = importlib.import_module(f"sluice.v1.{module.name}")
            if descriptor := pb.DESCRIPTOR.message_types_by_name.get(first):
                for part in nested:
                    descriptor = descriptor.nested_types_by_name[part]
                return descriptor
    raise AssertionError(f"docs/cli.md: {name} is not a message of the API")


def _read_forms() -> dict[str, Form]:
    section = PAGE.read_text().partition("\n## JSON\n")[2].partition("\n## ")[0]
    forms: dict[str, Form] = {}
    for commands, list_of, words in _ROW.findall(section):
        names = re.findall(r"`([\w.]+)`", words)
        messages = [_find_message(name) for name in names if name[0].isupper()]
        keys = tuple(name for name in names if not name[0].isupper())
        form = Form(bool(list_of), messages[0] if messages else None, keys)
        forms |= dict.fromkeys(re.findall(r"`([a-z -]+)`", commands), form)
    return forms


FORMS: Final = _read_forms()
"""What each command prints, by the words that call it."""


def check_document(command: str, document: Any) -> None:
    """Assert that a command printed what docs/cli.md says."""
    form = FORMS[command]
    assert isinstance(document, list) == form.is_list, (command, document)
    for item in document if form.is_list else [document]:
        assert {*form.keys} <= {*item}, command
        rest = {key: value for key, value in item.items() if key not in form.keys}
        if form.message:
            _check_message(form.message, rest, command)
        else:
            assert {} == rest, command


def _check_message(descriptor: Any, value: Any, path: str) -> None:
    if descriptor.full_name == "google.protobuf.Timestamp":
        assert datetime.fromisoformat(value).tzinfo is not None, path
    elif descriptor.full_name == "sluice.v1.MetadataValue":
        assert isinstance(value, str | int | float | bool | None), path
    else:
        alternatives = {f.name for o in descriptor.oneofs if len(o.fields) > 1 for f in o.fields}
        expected = {field.name for field in descriptor.fields}
        assert expected - alternatives <= {*value} <= expected, path
        for name, item in value.items():
            _check_field(descriptor.fields_by_name[name], item, f"{path}.{name}")


def _check_field(field: Any, value: Any, path: str) -> None:
    if field.message_type and field.message_type.GetOptions().map_entry:
        for key, item in value.items():
            _check_value(field.message_type.fields_by_name["value"], item, f"{path}[{key}]")
    elif field.is_repeated:
        assert isinstance(value, list), path
        for item in value:
            _check_value(field, item, path)
    elif value is None:
        assert field.has_presence or field.cpp_type in (
            field.CPPTYPE_DOUBLE,
            field.CPPTYPE_FLOAT,
        ), path
    else:
        _check_value(field, value, path)


def _check_value(field: Any, value: Any, path: str) -> None:
    if field.enum_type:
        words = [
            v.name.rpartition(field.enum_type.values[0].name[:-11])[2].lower()
            for v in field.enum_type.values
        ]
        assert value in (*words[1:], "", NO_SPLIT), (path, value)
    elif field.message_type:
        _check_message(field.message_type, value, path)
    else:
        kinds = {
            field.CPPTYPE_STRING: str,
            field.CPPTYPE_BOOL: bool,
            field.CPPTYPE_DOUBLE: float | int,
            field.CPPTYPE_FLOAT: float | int,
        }
        kind = kinds.get(field.cpp_type, int)
        assert isinstance(value, kind), (path, value)
        assert isinstance(value, bool) == (kind is bool), (path, value)
