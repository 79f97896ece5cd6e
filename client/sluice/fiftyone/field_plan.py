"""Values to write into fields of FiftyOne samples, checked against the schema before any write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.errors import InvalidArgument
from sluice.fiftyone.fields import STANDARD_FIELDS

FieldValue = str | int | float | bool | list[str]

Values = Mapping[str, Mapping[str, FieldValue]]
"""The values to write, by field and sample id."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "BooleanField": (bool,),
    "FloatField": (int, float),
    "FrameNumberField": (int,),
    "IntField": (int,),
    "ListField": (list,),
    "StringField": (str,),
}
"""The types of the values that a field of FiftyOne takes; it turns 0.5 into 0 for an IntField."""

RESERVED_NAMES: Final = frozenset(
    {
        *STANDARD_FIELDS,
        "STRICT",
        "add_implied_field",
        "clean",
        "dataset_id",
        "ensure_indexes",
        "frames",
        "from_dict",
        "get_field",
        "get_field_schema",
        "groups",
        "media_reference",
        "merge_field_schema",
        "pk",
        "reload",
        "set_field",
        "to_mongo",
    }
)
"""Names with which FiftyOne 1.22.1 fails: some silently, some only while it holds the sample."""


@dataclass(frozen=True, slots=True)
class TargetFields:
    """The fields of a FiftyOne dataset, and the view of all its samples."""

    samples: Any
    schema: Mapping[str, Any]
    group_field: str | None

    def check(self, values: Values) -> Values:
        """The values as FiftyOne will store them.

        Raises InvalidArgument naming a reserved field name, or a sample whose value does
        not fit the field. A value that is there already fits.
        """
        return {name: self._check_field(name, by_sample) for name, by_sample in values.items()}

    def _check_field(
        self, name: str, by_sample: Mapping[str, FieldValue]
    ) -> Mapping[str, FieldValue]:
        self._check_name(name)
        if name not in self.schema:
            return _of_one_type(name, by_sample)
        field = self.schema[name]
        mismatches = {id: value for id, value in by_sample.items() if not _fits(field, value)}
        if mismatches:
            self._check_unchanged(name, mismatches)
        return by_sample

    def _check_name(self, name: str) -> None:
        if not name or name.startswith("_") or set(".$\0") & set(name):
            problem = f"{name!r} is not a name for a field of FiftyOne, which cannot start with '_'"
            raise InvalidArgument.of("fields", f"{problem} or contain '.', '$' or NUL")
        if name in RESERVED_NAMES or name == self.group_field:
            raise InvalidArgument.of("fields", f"{name!r} is reserved in FiftyOne; rename it")

    def _check_unchanged(self, name: str, mismatches: Mapping[str, FieldValue]) -> None:
        """Refuse values that do not fit, unless the samples have them already."""
        stored = dict(zip(*self.samples.values(["id", name]), strict=True))
        for id, value in mismatches.items():
            if stored[id] != value:
                kind = type(self.schema[name]).__name__
                read_only = " and is read-only" if self.schema[name].read_only else ""
                problem = f"sample {id}: {value!r} does not fit; the field is a {kind}{read_only}"
                raise InvalidArgument.of(name, problem)


def _of_one_type(name: str, by_sample: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    """The values of a new field; FiftyOne would take its type from the first one."""
    types = {type(value): id for id, value in by_sample.items()}
    if types.keys() == {int, float}:
        return {
            id: float(value) for id, value in by_sample.items() if isinstance(value, int | float)
        }
    if len(types) > 1:
        examples = ", ".join(f"{kind.__name__} in sample {id}" for kind, id in types.items())
        raise InvalidArgument.of(name, f"{examples}; a field of FiftyOne has one type")
    return by_sample


def _fits(field: Any, value: FieldValue) -> bool:
    """Whether a field of FiftyOne takes a value, and stores it as it is."""
    accepted = _TYPES.get(type(field).__name__, ())
    if field.read_only or not isinstance(value, accepted):
        return False
    if isinstance(value, bool):
        return bool in accepted
    if isinstance(value, list):
        return not value or field.field is None or type(field.field).__name__ == "StringField"
    return True
