"""The mapping from the columns of a file to the fields of a frame."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from sluice.errors import InvalidArgument
from sluice.formats.times import parse_time_zone

_PANDAS_INDEX: Final = re.compile(r"__index_level_\d+__")
"""Columns that pandas adds when it writes a table without some of its rows."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names of a frame's id, embedding, image URL, capture time and device.

    `metadata` names the columns kept as metadata; None keeps all other columns. The embedding
    column is empty for a file without embeddings. With `ids_as_text`, ids and devices may be
    integers, UUIDs or bytes (UTF-8). Capture times without a time zone are in `timezone`, a name
    or an offset; without it they are an error.
    """

    frame_id: str = "frame_id"
    embedding: str = "embedding"
    image_url: str = "image_url"
    date_captured: str = "date_captured"
    device: str = "device"
    metadata: tuple[str, ...] | None = None
    ids_as_text: bool = False
    timezone: str = ""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "frame_id",
        "embedding",
        "image_url",
        "date_captured",
        "device",
    )

    @classmethod
    def of(
        cls,
        mapping: Iterable[str],
        metadata: Iterable[str] = (),
        *,
        ids_as_text: bool = False,
        timezone: str = "",
    ) -> Columns:
        """The default columns, with the fields in `mapping` (`FIELD=COLUMN`) replaced.

        If `metadata` names any columns, only these are kept as metadata. Raises InvalidArgument
        for a malformed mapping and an unknown time zone.
        """
        parse_time_zone(timezone)
        overrides: dict[str, str] = {}
        for pair in mapping:
            field, equals, column = pair.partition("=")
            if not equals or field not in cls.FIELDS or not column:
                names = ", ".join(cls.FIELDS)
                raise InvalidArgument.of("map", f"{pair!r} is not FIELD=COLUMN; fields: {names}")
            overrides[field] = column
        return cls(
            **overrides,
            metadata=tuple(metadata) or None,
            ids_as_text=ids_as_text,
            timezone=timezone,
        )

    def without_embedding(self) -> Columns:
        """The columns of a file without embeddings."""
        return replace(self, embedding="")

    @property
    def own(self) -> tuple[str, ...]:
        """The columns that each row must have a value in: id and embedding."""
        return (self.frame_id, self.embedding) if self.embedding else (self.frame_id,)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file must have: id, embedding and the named metadata."""
        return *self.own, *(self.metadata or ())

    def field_of(self, column: str) -> str:
        """The field that a column holds; "" for other columns."""
        return next((field for field in self.FIELDS if getattr(self, field) == column), "")

    @property
    def known(self) -> set[str]:
        """The columns that are fields of a frame, not metadata."""
        return {getattr(self, field) for field in self.FIELDS}

    def metadata_of(self, names: Iterable[str]) -> list[str]:
        """The metadata columns among a file's column names."""
        if self.metadata is not None:
            return list(self.metadata)
        return [n for n in names if n not in self.known and not _PANDAS_INDEX.fullmatch(n)]

    def used_of(self, names: Iterable[str]) -> list[str]:
        """The columns to read among a file's column names, in the file's order."""
        file_columns = list(names)
        used = {*self.known, *self.metadata_of(file_columns)}
        return [name for name in file_columns if name in used]
