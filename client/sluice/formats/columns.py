"""The mapping from the columns of a file to the fields of a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from sluice.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names of a frame's id, embedding, image URL, capture time and device.

    `metadata` names the columns kept as metadata; None keeps all other columns. The embedding
    column is empty for a file without embeddings.
    """

    frame_id: str = "frame_id"
    embedding: str = "embedding"
    image_url: str = "image_url"
    date_captured: str = "date_captured"
    device: str = "device"
    metadata: tuple[str, ...] | None = None

    FIELDS: ClassVar[tuple[str, ...]]

    @classmethod
    def of(cls, mapping: Iterable[str], metadata: Iterable[str] = ()) -> Columns:
        """The default columns, with the fields in `mapping` (`FIELD=COLUMN`) replaced.

        If `metadata` names any columns, only these are kept as metadata. Raises InvalidArgument
        for a malformed mapping.
        """
        overrides: dict[str, str] = {}
        for pair in mapping:
            field, equals, column = pair.partition("=")
            if not equals or field not in cls.FIELDS or not column:
                names = ", ".join(cls.FIELDS)
                raise InvalidArgument.of("map", f"{pair!r} is not FIELD=COLUMN; fields: {names}")
            overrides[field] = column
        return cls(**overrides, metadata=tuple(metadata) or None)

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

    @property
    def known(self) -> set[str]:
        """The columns that are fields of a frame, not metadata."""
        return {getattr(self, field) for field in self.FIELDS}

    def metadata_of(self, names: Iterable[str]) -> list[str]:
        """The metadata columns among a file's column names."""
        if self.metadata is not None:
            return list(self.metadata)
        return [name for name in names if name not in self.known]

    def used_of(self, names: Iterable[str]) -> list[str]:
        """The columns to read among a file's column names, in the file's order."""
        file_columns = list(names)
        used = {*self.known, *self.metadata_of(file_columns)}
        return [name for name in file_columns if name in used]


Columns.FIELDS = tuple(field.name for field in fields(Columns) if field.name != "metadata")
