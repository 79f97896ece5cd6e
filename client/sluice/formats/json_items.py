"""Read the arrays of a large JSON object item by item, without loading the whole file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from sluice.errors import InvalidArgument

ITEM_CHARACTERS_MAX: Final = 16 * 2**20
"""Limit on one item, or on a value that is not an array; a million-point polygon is shorter."""

_CHUNK = 2**16
_SPACE = " \t\r\n"
_NO_NUMBER = re.compile(r"[^-+.0-9eE]")


def json_arrays(path: Path) -> Iterator[tuple[str, Iterator[Any]]]:
    """The arrays of a JSON object, each as its key and an iterator of its items, in file order.

    Items not read before the next array are skipped, as are values that are not arrays. Raises
    InvalidArgument naming file and character if the file is not a JSON object in UTF-8, or if an
    item is too long.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _ArrayReader(path, file).read_arrays()
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("file", f"{path} is not UTF-8: {error}") from error
    except OSError as error:
        raise InvalidArgument.of("file", f"{path} cannot be read: {error.strerror}") from error


class _ArrayReader:
    """A JSON parser that keeps only a window of the text in memory."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._window, self._position, self._window_start = "", 0, 0
        self._decoder = json.JSONDecoder()

    def read_arrays(self) -> Iterator[tuple[str, Iterator[Any]]]:
        """See `json_arrays`."""
        self._expect("{", "an object")
        more = not self._skip("}")
        while more:
            key = self._read_value()
            if not isinstance(key, str):
                raise self._error("a key")
            self._expect(":", f"a colon after {key[:64]!r}")
            if self._skip("["):
                items = self._read_items()
                yield key, items
                for _ in items:
                    pass
            else:
                self._read_value()
            more = self._skip_comma_or_end("}")
        if self._peek():
            raise self._error("the end of the file")

    def _read_items(self) -> Iterator[Any]:
        more = not self._skip("]")
        while more:
            yield self._read_value()
            more = self._skip_comma_or_end("]")

    def _skip_comma_or_end(self, end: str) -> bool:
        """Skip a comma and return True, or skip the required end and return False."""
        if self._skip(","):
            return True
        self._expect(end, f"a comma or {end}")
        return False

    def _read_value(self) -> Any:
        """Read the next JSON value; the window grows until it holds all of it."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._position)
            except (ValueError, RecursionError):
                end = len(self._window)
            # A number at the end of the window may continue after it, such as 0. and 1e.
            if _NO_NUMBER.search(self._window, end):
                self._position = end
                return value
            if len(self._window) - self._position > ITEM_CHARACTERS_MAX:
                raise self._error(f"a JSON value of at most {ITEM_CHARACTERS_MAX:,} characters")
            if not self._fill_window(len(self._window) - self._position):
                raise self._error("a JSON value")

    def _expect(self, character: str, expected: str) -> None:
        if not self._skip(character):
            raise self._error(expected)

    def _skip(self, character: str) -> bool:
        """Skip `character` if it comes next; returns whether it did."""
        is_next = self._peek() == character
        self._position += is_next
        return is_next

    def _peek(self) -> str:
        """The next character that is not a space, without skipping it; "" at the end."""
        while True:
            while self._position < len(self._window):
                if (character := self._window[self._position]) not in _SPACE:
                    return character
                self._position += 1
            if not self._fill_window(0):
                return ""

    def _fill_window(self, size_min: int) -> bool:
        """Drop the parsed text and read at least `size_min` more; False at the file's end."""
        chunk = self._file.read(max(_CHUNK, size_min))
        self._window_start += self._position
        self._window, self._position = self._window[self._position :] + chunk, 0
        return bool(chunk)

    def _error(self, expected: str) -> InvalidArgument:
        actual = self._window[self._position : self._position + 20] or "the end of the file"
        place = self._window_start + self._position
        problem = f"{self._path} character {place:,}: expected {expected}, got {actual!r}"
        return InvalidArgument.of("file", problem)
