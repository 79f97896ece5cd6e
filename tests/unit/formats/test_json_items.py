"""Arrays of a JSON object are read item by item."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidArgument
from sluice.formats import json_items
from sluice.formats.json_items import json_arrays

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(texts, values, max_size=4),
    st.sampled_from([None, 1, "\n\t"]),
    st.integers(1, 9),
    st.booleans(),
)
def test_arrays_equal_those_of_json_loads(
    tmp_path_factory: pytest.TempPathFactory,
    document: dict[str, Any],
    indent: int | str | None,
    chunk: int,
    ascii_only: bool,
) -> None:
    """Arrays are read the same for any content, formatting and chunk size."""
    path = tmp_path_factory.mktemp("json") / "file.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), "utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "_CHUNK", chunk)
        arrays = [(key, list(items)) for key, items in json_arrays(path)]

    assert [(key, value) for key, value in document.items() if isinstance(value, list)] == arrays


def test_unread_items_are_skipped(tmp_path: Path) -> None:
    """Skipping an array does not disturb the next one."""
    path = tmp_path / "file.json"
    path.write_text('{"a": [1, [2], 3], "b": [4]}')

    assert {"b": [4]} == {key: list(items) for key, items in json_arrays(path) if key == "b"}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Reading a file of 4 MB takes less than a quarter of that in memory."""
    path = tmp_path / "file.json"
    item = json.dumps({"segmentation": list(range(200))})
    path.write_text('{"annotations": [' + ",".join([item] * 4_000) + "]}")
    assert path.stat().st_size > 3_500_000
    tracemalloc.start()

    [(_, count)] = [(key, sum(1 for _ in items)) for key, items in json_arrays(path)]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 4_000 == count
    assert peak < 900_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 0: expected an object, got 'the end of the file'"),
        ("[1]", "character 0: expected an object, got '[1]'"),
        ('{"a": [1, 2', "character 10: expected a JSON value, got '2'"),
        ('{"a": [1, 2 ', "character 12: expected a comma or ], got 'the end of the file'"),
        ('{"a": [1 2]}', "character 9: expected a comma or ], got '2]}'"),
        ('{"a": [1],}', "character 10: expected a JSON value, got '}'"),
        ('{"a" [1]}', "character 5: expected a colon after 'a', got '[1]}'"),
        ('{"a": 1 "b": 2}', "character 8: expected a comma or }"),
        ("{1: [1]}", "expected a key"),
        ('{"a": [oops]}', "character 7: expected a JSON value, got 'oops]}'"),
        ('{"a": []} x', "character 10: expected the end of the file, got 'x'"),
    ],
)
def test_malformed_json_is_rejected_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file, the character, and the expected and the actual text."""
    path = tmp_path / "file.json"
    path.write_text(text)

    with pytest.raises(InvalidArgument) as raised:
        [list(items) for _, items in json_arrays(path)]

    assert message in raised.value.message
    assert raised.value.message.startswith(f"file: {path} character ")


def test_an_item_over_the_limit_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item over the limit is rejected before it is read to its end."""
    path = tmp_path / "file.json"
    path.write_text('{"a": ["' + "x" * 500_000 + '"]}')
    monkeypatch.setattr(json_items, "ITEM_CHARACTERS_MAX", 100_000)

    with pytest.raises(InvalidArgument, match="a JSON value of at most 100,000 characters"):
        [list(items) for _, items in json_arrays(path)]


def test_unreadable_files_are_rejected(tmp_path: Path) -> None:
    """A file that is not UTF-8, and a missing file, are rejected."""
    path = tmp_path / "file.json"
    path.write_bytes(b'{"a": ["\xff"]}')

    with pytest.raises(InvalidArgument, match="is not UTF-8"):
        [list(items) for _, items in json_arrays(path)]
    with pytest.raises(InvalidArgument, match="cannot be read: No such file"):
        list(json_arrays(tmp_path / "none.json"))
