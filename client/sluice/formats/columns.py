"""Which columns of a file are what of a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sluice.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a frame's id, embedding, image and time; all others are metadata."""

    frame_id: str = "frame_id"
    embedding: str = "embedding"
    image_url: str = "image_url"
    date_captured: str = "date_captured"
    device: str = "device"

    @classmethod
    def of(cls, mapping: Iterable[str]) -> Columns:
        """The default columns, but for those named by `FIELD=COLUMN`."""
        columns = cls()
        for pair in mapping:
            field, equals, column = pair.partition("=")
            if not equals or field not in cls.__slots__ or not column:
                known = ", ".join(cls.__slots__)
                raise InvalidArgument.of("map", f"{pair!r} is not FIELD=COLUMN; fields: {known}")
            columns = replace(columns, **{field: column})
        return columns

    @property
    def needed(self) -> tuple[str, str]:
        """The columns that a file must have."""
        return self.frame_id, self.embedding

    @property
    def known(self) -> set[str]:
        """All columns that are not metadata."""
        return {getattr(self, field) for field in self.__slots__}
