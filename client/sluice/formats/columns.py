"""Which columns of a file are what of a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from sluice.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a frame's id, embedding, image, time and device.

    `metadata` are the columns kept as metadata; all others, where it is None.
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
        """The default columns, but for those named by `FIELD=COLUMN`.

        Only those columns are metadata, if there are any. InvalidArgument for a malformed mapping.
        """
        chosen: dict[str, str] = {}
        for pair in mapping:
            field, equals, column = pair.partition("=")
            if not equals or field not in cls.FIELDS or not column:
                known = ", ".join(cls.FIELDS)
                raise InvalidArgument.of("map", f"{pair!r} is not FIELD=COLUMN; fields: {known}")
            chosen[field] = column
        return cls(**chosen, metadata=tuple(metadata) or None)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        return self.frame_id, self.embedding, *(self.metadata or ())

    @property
    def known(self) -> set[str]:
        """All columns that are not metadata."""
        return {getattr(self, field) for field in self.FIELDS}

    def metadata_of(self, names: Iterable[str]) -> list[str]:
        """Those of a file's columns that are metadata."""
        if self.metadata is not None:
            return list(self.metadata)
        return [name for name in names if name not in self.known]

    def used_of(self, names: Iterable[str]) -> list[str]:
        """Those of a file's columns that are read, in their order."""
        known = list(names)
        used = {*self.known, *self.metadata_of(known)}
        return [name for name in known if name in used]


Columns.FIELDS = tuple(field.name for field in fields(Columns) if field.name != "metadata")
