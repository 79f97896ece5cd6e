"""The arrays of a JSON object, item by item."""

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
def test_items_are_those_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory,
    written: dict[str, Any],
    indent: int | str | None,
    chunk: int,
    ascii_only: bool,
) -> None:
    """Whatever the object holds, however it is written, and wherever a chunk ends."""
    path = tmp_path_factory.mktemp("json") / "file.json"
    path.write_text(json.dumps(written, indent=indent, ensure_ascii=ascii_only), "utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "_CHUNK", chunk)
        found = [(key, list(items)) for key, items in json_arrays(path)]

    assert [(key, value) for key, value in written.items() if isinstance(value, list)] == found


def test_items_not_taken_are_passed_over(tmp_path: Path) -> None:
    """Who wants one array need not read the one before."""
    path = tmp_path / "file.json"
    path.write_text('{"a": [1, [2], 3], "b": [4]}')

    assert {"b": [4]} == {key: list(items) for key, items in json_arrays(path) if key == "b"}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Of a file of 4 MB less than a quarter is held at any time."""
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
    ("text", "said"),
    [
        ("", "character 0: an object was expected, not 'the end of the file'"),
        ("[1]", "character 0: an object was expected, not '[1]'"),
        ('{"a": [1, 2', "character 10: a JSON value was expected, not '2'"),
        ('{"a": [1, 2 ', "character 12: a comma or ] was expected, not 'the end of the file'"),
        ('{"a": [1 2]}', "character 9: a comma or ] was expected, not '2]}'"),
        ('{"a": [1],}', "character 10: a JSON value was expected, not '}'"),
        ('{"a" [1]}', "character 5: a colon after 'a' was expected, not '[1]}'"),
        ('{"a": 1 "b": 2}', "character 8: a comma or } was expected"),
        ("{1: [1]}", "a key was expected"),
        ('{"a": [oops]}', "character 7: a JSON value was expected, not 'oops]}'"),
        ('{"a": []} x', "character 10: the end of the file was expected, not 'x'"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """The error names the file, the character, what was expected and what is there."""
    path = tmp_path / "file.json"
    path.write_text(text)

    with pytest.raises(InvalidArgument) as refused:
        [list(items) for _, items in json_arrays(path)]

    assert said in refused.value.message
    assert refused.value.message.startswith(f"file: {path} character ")


def test_an_item_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than any annotation is not read to its end."""
    path = tmp_path / "file.json"
    path.write_text('{"a": ["' + "x" * 500_000 + '"]}')
    monkeypatch.setattr(json_items, "ITEM_CHARACTERS_MAX", 100_000)

    with pytest.raises(InvalidArgument, match="a JSON value of at most 100,000 characters"):
        [list(items) for _, items in json_arrays(path)]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """So is a file that is not there."""
    path = tmp_path / "file.json"
    path.write_bytes(b'{"a": ["\xff"]}')

    with pytest.raises(InvalidArgument, match="is not UTF-8"):
        [list(items) for _, items in json_arrays(path)]
    with pytest.raises(InvalidArgument, match="cannot be read: No such file"):
        list(json_arrays(tmp_path / "none.json"))
