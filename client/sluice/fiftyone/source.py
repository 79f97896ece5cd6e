"""The samples of FiftyOne datasets and views: all slices of all groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.errors import InvalidArgument
from sluice.fiftyone.fields import ADDED_FIELDS, GROUND_TRUTH, STANDARD_FIELDS, SampleFields

_PATCHES: Final = {"ClipsView", "EvaluationPatchesView", "PatchesView"}
"""Views with samples of their own, each a part of a sample of the dataset."""


def flatten(collection: Any) -> Any:
    """The view of all slices of a grouped dataset; others as they are.

    FiftyOne's `iter_groups` passes over groups without the active slice.
    """
    if collection.group_field is None:
        return collection
    return collection.select_group_slices(_allow_mixed=True)


def flatten_all(collection: Any) -> list[Any]:
    """Views that together have all slices of all groups of a grouped dataset or view.

    The stages of a view, such as `select_groups`, see the groups with the active slice only. So a
    group without it is taken from the view with another slice active.
    """
    views = [flatten(collection)]
    if collection.group_field is None or hasattr(collection, "save_view"):
        return views
    group_id, slice_name = f"{collection.group_field}.id", f"{collection.group_field}.name"
    read = set(views[0].values(group_id))
    for active in collection.group_slices:
        other = collection.view()
        other.group_slice = active
        ids, slices = flatten(other).values([group_id, slice_name])
        complete = {id for id, name in zip(ids, slices) if name == collection.group_slice}
        if missing := set(ids) - complete - read:
            views.append(flatten(other.select_groups(sorted(missing))))
            read |= missing
    return views


@dataclass(frozen=True, slots=True)
class SampleSource:
    """The samples of a dataset or view, and their fields: "" if there is none."""

    views: list[Any]
    group_field: str
    label_field: str
    field_names: tuple[str, ...]

    @classmethod
    def of(cls, source: Any, sample_fields: SampleFields) -> SampleSource:
        """The samples of `source`.

        Raises InvalidArgument for a view of other samples than the dataset's, and for a label or
        embedding field that does not exist. A dataset without `ground_truth` is unlabelled.
        """
        _check_kind(source)
        schema = source.get_field_schema()
        group_field = source.group_field or _find_group_field(schema)
        label_field = sample_fields.label_field
        if label_field == GROUND_TRUTH and label_field not in schema:
            label_field = ""
        _check_exists("label_field", label_field, schema)
        _check_exists("embedding_field", sample_fields.embedding_field, schema)
        used = {group_field, label_field, sample_fields.embedding_field}
        unread = STANDARD_FIELDS | ADDED_FIELDS | used
        names = tuple(name for name in schema if name not in unread)
        return cls(flatten_all(source), group_field, label_field, names)

    def __iter__(self) -> Iterator[Any]:
        for view in self.views:
            for sample in view.iter_samples(autosave=False):
                self._check_group(sample)
                yield sample

    def group_of(self, sample: Any) -> tuple[str, str]:
        """The group's id and the slice of a sample; empty without groups."""
        if not self.group_field:
            return "", ""
        group = sample[self.group_field]
        return str(group.id), str(group.name)

    def ground_truth_of(self, sample: Any) -> Any:
        """The labels of a sample; None if it has none."""
        return sample[self.label_field] if self.label_field else None

    def unlabelled_groups(self) -> frozenset[str]:
        """The groups that are not labelled: a slice lacks ground truth that others have.

        Slices without ground truth in all groups, such as point clouds beside labelled images, do
        not count.
        """
        slices_of: defaultdict[bool, list[tuple[str, str]]] = defaultdict(list)
        for view in self.views:
            for labelled in (True, False):
                slices_of[labelled] += self._slices(view, labelled=labelled)
        label_slices = {name for _, name in slices_of[True]}
        labelled_groups = {group for group, _ in slices_of[True]}
        return frozenset(
            group
            for group, name in slices_of[False]
            if name in label_slices or group not in labelled_groups
        )

    def _slices(self, view: Any, *, labelled: bool) -> list[tuple[str, str]]:
        """Group and slice of the samples with ground truth, or of those without."""
        if self.label_field:
            view = view.exists(self.label_field, labelled)
        elif labelled:
            return []
        names = [f"{self.group_field}.id", f"{self.group_field}.name"]
        return list(zip(*view.values(names), strict=True))

    def _check_group(self, sample: Any) -> None:
        """Refuse a sample with a group that the view has left out."""
        dataset = getattr(sample, "dataset", None)
        field = getattr(dataset, "group_field", None)
        if field and not self.group_field:
            problem = f"left out of the view, so the groups are unknown; select {field!r} too"
            raise InvalidArgument.of(field, f"sample {sample.id}: {problem}")


def _find_group_field(schema: Mapping[str, Any]) -> str:
    """The group field of a view of single slices: `view.group_field` is None for it."""
    for name, field in schema.items():
        document = getattr(field, "document_type", None)
        if document is not None and document.__name__ == "Group":
            return name
    return ""


def _check_kind(source: Any) -> None:
    if type(source).__name__ in _PATCHES:
        problem = f"{type(source).__name__} has parts of samples; pass the dataset or another view"
        raise InvalidArgument.of("source", problem)
    if getattr(source, "_is_dynamic_groups", False):
        problem = "view by group_by(…); pass the view before group_by, to read all samples"
        raise InvalidArgument.of("source", problem)


def _check_exists(argument: str, name: str, schema: Mapping[str, Any]) -> None:
    if name and name not in schema:
        others = ", ".join(other for other in schema if other not in STANDARD_FIELDS)
        problem = f"no field {name!r}; the fields are {others or 'only the standard ones'}"
        raise InvalidArgument.of(argument, f"{problem}; '' reads none")
