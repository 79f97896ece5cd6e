"""The annotations of one round: the labels that an annotator gave each image of a golden set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from sluice.checks import check_count, check_text, too_large
from sluice.errors import DataLoss, InvalidArgument
from sluice.labels import Box2D, Classification2D, Label

IMAGES_MAX: Final = 10_000
"""A golden set is small by definition, and every round of it is held in memory."""

LABELS_PER_IMAGE_MAX: Final = 2_000
"""Matching compares every pair of boxes of an image."""

SIDE_MIN, COORDINATE_MAX = 1e-6, 1e9
"""Pixels: beyond them the areas of boxes are not exact enough to be compared."""

_Row = tuple[str | float, ...]


class _StoredLabel(msgspec.Struct, array_like=True, frozen=True):
    """A label as `_label_row` writes it; the crowd is left out if false."""

    class_name: str
    left: float
    top: float
    width: float
    height: float
    crowd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """The labels of one image: boxes in absolute pixels, or its class.

    `id` is the frame's. Width and height are in pixels, 0 if unknown. An image without labels was
    annotated as empty. Crowds are never objects of their own.
    """

    id: str
    width: int = 0
    height: int = 0
    labels: tuple[Label, ...] = ()

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming the first invalid value, below `field`."""
        check_text(f"{field}.id", self.id)
        check_count(f"{field}.width", self.width)
        check_count(f"{field}.height", self.height)
        if len(self.labels) > LABELS_PER_IMAGE_MAX:
            problem = f"image {self.id!r} has {len(self.labels)}; at most {LABELS_PER_IMAGE_MAX:,}"
            raise too_large(f"{field}.labels", problem, LABELS_PER_IMAGE_MAX)
        for index, label in enumerate(self.labels):
            self._check_label(f"{field}.labels[{index}]", label)

    def _check_label(self, field: str, label: Label) -> None:
        check_text(f"{field}.class_name", label.class_name)
        if label.crowd and not isinstance(label.shape, Box2D):
            raise InvalidArgument.of(f"{field}.crowd", "true; only boxes can be crowds")
        if isinstance(label.shape, Box2D):
            label.shape.check(f"{field}.box_2d")
            _check_measures(f"{field}.box_2d", label.shape)
            self._check_overlap(f"{field}.box_2d", label.shape)
        elif not isinstance(label.shape, Classification2D):
            problem = f"{label.task_type.name.lower()} cannot be compared; box_2d and "
            raise InvalidArgument.of(f"{field}.shape", problem + "classification_2d can")
        elif len(self.labels) > 1:
            problem = f"image {self.id!r} has {len(self.labels)} labels; a class must be alone"
            raise InvalidArgument.of(f"{field}.shape", problem)

    def _check_overlap(self, field: str, box: Box2D) -> None:
        """Refuse a box outside its image; one that crosses the edge is common, and harmless."""
        right, bottom = box.left + box.width, box.top + box.height
        outside = (self.width and box.left >= self.width) or right <= 0
        if outside or (self.height and box.top >= self.height) or bottom <= 0:
            raise InvalidArgument.of(
                field,
                f"({box.left:g}, {box.top:g}) to ({right:g}, {bottom:g}) is outside image "
                f"{self.id!r} of {self.width} × {self.height} pixels",
            )


@dataclass(frozen=True, slots=True)
class Annotations:
    """The images of one round by id, labels in canonical order; create it with `of`."""

    images: tuple[AnnotatedImage, ...]

    @classmethod
    def of(cls, images: Iterable[AnnotatedImage]) -> Annotations:
        """Annotations of images in any order; InvalidArgument naming the first invalid value."""
        images_by_id: dict[str, AnnotatedImage] = {}
        for index, image in enumerate(images):
            field = f"images[{index}]"
            if index >= IMAGES_MAX:
                problem = f"more than {IMAGES_MAX:,}; at most {IMAGES_MAX:,} are accepted"
                raise too_large("images", problem, IMAGES_MAX)
            image.check(field)
            if image.id in images_by_id:
                raise InvalidArgument.of(f"{field}.id", f"duplicate image {image.id!r}")
            images_by_id[image.id] = replace(
                image, labels=tuple(sorted(image.labels, key=_label_row))
            )
        _check_one_kind("images", images_by_id.values())
        return cls(tuple(images_by_id[image_id] for image_id in sorted(images_by_id)))

    def to_bytes(self) -> bytes:
        """The images and labels; equal for equal rounds, whatever their order or label ids."""
        rows = [
            (image.id, image.width, image.height, list(map(_label_row, image.labels)))
            for image in self.images
        ]
        return msgspec.msgpack.encode(rows)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Annotations:
        """Annotations from `to_bytes`, without label ids; DataLoss if the bytes are malformed."""
        try:
            rows = msgspec.msgpack.decode(
                stored, type=list[tuple[str, int, int, list[_StoredLabel]]]
            )
        except msgspec.MsgspecError as error:
            raise DataLoss(f"stored annotations cannot be read: {error}") from error
        return cls(
            tuple(
                AnnotatedImage(id=i, width=w, height=h, labels=tuple(map(_read_label, labels)))
                for i, w, h, labels in rows
            )
        )

    def digest(self) -> bytes:
        """SHA-256 of `to_bytes`."""
        return hashlib.sha256(self.to_bytes()).digest()


def pair_images(
    reference: Annotations, current: Annotations
) -> tuple[list[tuple[AnnotatedImage, AnnotatedImage]], tuple[str, ...]]:
    """Pair the images of both rounds by id; also the ids that only the reference has.

    Images that only the current round has do not belong to the golden set: batches are often
    annotated with the golden images hidden among them. Raises InvalidArgument if one round has
    boxes and the other classes of images.
    """
    _check_one_kind("current", [*reference.images, *current.images])
    images_by_id = {image.id: image for image in current.images}
    pairs = [
        (image, images_by_id[image.id]) for image in reference.images if image.id in images_by_id
    ]
    return pairs, tuple(image.id for image in reference.images if image.id not in images_by_id)


def check_classes(classes: Sequence[str]) -> None:
    """Refuse an empty class map, or a duplicate class name."""
    if not classes:
        raise InvalidArgument.of(
            "classes", "empty; the dataset's class map needs at least one class"
        )
    if len(set(classes)) < len(classes):
        duplicate = next(name for name in classes if list(classes).count(name) > 1)
        raise InvalidArgument.of("classes", f"duplicate class {duplicate!r}")


def _label_row(label: Label) -> _Row:
    box = label.shape
    if isinstance(box, Box2D):
        left, top, width, height = map(float, (box.left, box.top, box.width, box.height))
        row = (label.class_name, left, top, width, height)
        # The digests of rounds without crowds stay those of before there were any.
        return (*row, True) if label.crowd else row
    return label.class_name, 0.0, 0.0, 0.0, 0.0


def _read_label(row: _StoredLabel) -> Label:
    # A box has a width; the class of an image is stored with width 0.
    box = Box2D(row.left, row.top, row.width, row.height)
    shape = box if row.width else Classification2D()
    return Label(id="", class_name=row.class_name, shape=shape, crowd=row.crowd)


def _check_measures(field: str, box: Box2D) -> None:
    """Refuse a box with a side or a coordinate out of range."""
    if min(box.width, box.height) < SIDE_MIN:
        problem = f"of {box.width:g} × {box.height:g} pixels has a side under {SIDE_MIN:g}"
        raise InvalidArgument.of(field, problem)
    largest = max(abs(box.left) + box.width, abs(box.top) + box.height)
    if largest > COORDINATE_MAX:
        raise InvalidArgument.of(field, f"reaches {largest:g} pixels, over {COORDINATE_MAX:g}")


def _check_one_kind(field: str, images: Iterable[AnnotatedImage]) -> None:
    """Refuse boxes in one image and a class for another."""
    kinds: dict[str, str] = {}
    for image in images:
        for label in image.labels[:1]:
            kinds.setdefault(label.task_type.name.lower(), image.id)
    if len(kinds) > 1:
        (first_kind, first), (second_kind, second) = kinds.items()
        problem = (
            f"image {first!r} has a {first_kind} and {second!r} a {second_kind}; "
            "all labels must be of one kind"
        )
        raise InvalidArgument.of(field, problem)
