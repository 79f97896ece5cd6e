"""The arrays of a large JSON object, item by item: never the whole file in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from sluice.errors import InvalidArgument

ITEM_CHARACTERS_MAX: Final = 16 * 2**20
"""The longest item, or value that is not an array; a polygon of a million points is shorter."""

_CHUNK = 2**16
_SPACE = " \t\r\n"
_NO_NUMBER = re.compile(r"[^-+.0-9eE]")


def json_arrays(path: Path) -> Iterator[tuple[str, Iterator[Any]]]:
    """The arrays of a JSON object, each as its key and its items, in the file's order.

    Items that are not taken before the next array are passed over, as are values that are no
    arrays. Raises InvalidArgument naming file and place for what is not a JSON object, no UTF-8, or
    has an item that is too long.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _Walk(path, file).arrays()
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("file", f"{path} is not UTF-8: {error}") from error
    except OSError as error:
        raise InvalidArgument.of("file", f"{path} cannot be read: {error.strerror}") from error


class _Walk:
    """A walk through the text, of which only a window is held."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._window, self._at, self._before = "", 0, 0
        self._decoder = json.JSONDecoder()

    def arrays(self) -> Iterator[tuple[str, Iterator[Any]]]:
        """See `json_arrays`."""
        self._expect("{", "an object")
        more = not self._skip("}")
        while more:
            key = self._value()
            if not isinstance(key, str):
                raise self._error("a key")
            self._expect(":", f"a colon after {key[:64]!r}")
            if self._skip("["):
                items = self._items()
                yield key, items
                for _ in items:
                    pass
            else:
                self._value()
            more = self._goes_on("}")
        if self._next():
            raise self._error("the end of the file")

    def _items(self) -> Iterator[Any]:
        more = not self._skip("]")
        while more:
            yield self._value()
            more = self._goes_on("]")

    def _goes_on(self, end: str) -> bool:
        """Pass a comma, or else the end, which must then be there."""
        if self._skip(","):
            return True
        self._expect(end, f"a comma or {end}")
        return False

    def _value(self) -> Any:
        """The JSON value that comes next; the window grows until it holds all of it."""
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._at)
            except (ValueError, RecursionError):
                end = len(self._window)
            # A number that ends with the window may go on behind it, as 0. and 1e do.
            if _NO_NUMBER.search(self._window, end):
                self._at = end
                return value
            if len(self._window) - self._at > ITEM_CHARACTERS_MAX:
                raise self._error(f"a JSON value of at most {ITEM_CHARACTERS_MAX:,} characters")
            if not self._read(len(self._window) - self._at):
                raise self._error("a JSON value")

    def _expect(self, character: str, what: str) -> None:
        if not self._skip(character):
            raise self._error(what)

    def _skip(self, character: str) -> bool:
        """Whether that character comes next; if so, it is passed."""
        is_next = self._next() == character
        self._at += is_next
        return is_next

    def _next(self) -> str:
        """The next character that is not a space, "" at the end; it is not passed."""
        while True:
            while self._at < len(self._window):
                if (character := self._window[self._at]) not in _SPACE:
                    return character
                self._at += 1
            if not self._read(0):
                return ""

    def _read(self, least: int) -> bool:
        """Move the window on, by at least as much as it shall hold; False at the file's end."""
        more = self._file.read(max(_CHUNK, least))
        self._before += self._at
        self._window, self._at = self._window[self._at :] + more, 0
        return bool(more)

    def _error(self, expected: str) -> InvalidArgument:
        actual = self._window[self._at : self._at + 20] or "the end of the file"
        place = self._before + self._at
        problem = f"{self._path} character {place:,}: {expected} was expected, not {actual!r}"
        return InvalidArgument.of("file", problem)
