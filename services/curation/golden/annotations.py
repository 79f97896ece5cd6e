"""The annotations of one round: what somebody said is in each image of a golden set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from sluice.checks import check_count, check_text, too_large
from sluice.errors import DataLoss, InvalidArgument
from sluice.frames import Frame
from sluice.labels import Box2D, Classification2D, Label

IMAGES_MAX: Final = 10_000
"""A golden set is small by meaning, and every round of it is held in memory."""

LABELS_PER_IMAGE_MAX: Final = 2_000
"""Matching looks at every pair of boxes of an image, and takes cubic time."""

SIDE_MIN, COORDINATE_MAX = 1e-6, 1e9
"""Pixels: beyond them the areas of boxes are not exact enough to be compared."""

_Row = tuple[str, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """What one image was said to hold: boxes, in absolute pixels, or its class.

    `id` is the frame's. Width and height are in pixels, 0 when not known. No labels say that
    the image was looked at and is empty.
    """

    id: str
    width: int = 0
    height: int = 0
    labels: tuple[Label, ...] = ()

    @classmethod
    def of_frame(cls, frame: Frame, sensor_id: str | None = None) -> AnnotatedImage:
        """The image of a frame's sensor; without a sensor's id, of the only one with labels.

        Raises InvalidArgument naming the sensors where there are several.
        """
        labelled = sorted({label.sensor_id for label in frame.labels})
        if sensor_id is None and len(labelled) > 1:
            problem = f"is not given, and frame {frame.id!r} has labels of {', '.join(labelled)}"
            raise InvalidArgument.of("sensor_id", problem)
        wanted = sensor_id if sensor_id is not None else "".join(labelled)
        sizes = [(s.width, s.height) for s in frame.sensors if s.sensor_id == wanted]
        width, height = sizes[0] if sizes else (0, 0)
        labels = tuple(label for label in frame.labels if label.sensor_id == wanted)
        return cls(id=frame.id, width=width, height=height, labels=labels)

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming what is wrong, and where below `field`."""
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
        if isinstance(label.shape, Box2D):
            label.shape.check(f"{field}.box_2d")
            _check_measures(f"{field}.box_2d", label.shape)
            self._check_overlap(f"{field}.box_2d", label.shape)
        elif not isinstance(label.shape, Classification2D):
            problem = f"{label.task_type.name.lower()} cannot be compared; box_2d and "
            raise InvalidArgument.of(f"{field}.shape", problem + "classification_2d can")
        elif len(self.labels) > 1:
            problem = f"image {self.id!r} has {len(self.labels)} labels; a class can only be alone"
            raise InvalidArgument.of(f"{field}.shape", problem)

    def _check_overlap(self, field: str, box: Box2D) -> None:
        """Refuse a box that lies outside its image; one that juts out is common, and harmless."""
        right, bottom = box.left + box.width, box.top + box.height
        beside = (self.width and box.left >= self.width) or right <= 0
        if beside or (self.height and box.top >= self.height) or bottom <= 0:
            raise InvalidArgument.of(
                field,
                f"({box.left:g}, {box.top:g}) to ({right:g}, {bottom:g}) lies outside image "
                f"{self.id!r} of {self.width} × {self.height} pixels",
            )


@dataclass(frozen=True, slots=True)
class Annotations:
    """The images of one round by their ids, labels in canonical order; made by `of`."""

    images: tuple[AnnotatedImage, ...]

    @classmethod
    def of(cls, images: Iterable[AnnotatedImage]) -> Annotations:
        """Those images, in any order; InvalidArgument naming what is wrong, and in which."""
        found: dict[str, AnnotatedImage] = {}
        for index, image in enumerate(images):
            field = f"images[{index}]"
            if index >= IMAGES_MAX:
                problem = f"are more than the {IMAGES_MAX:,} that are accepted"
                raise too_large("images", problem, IMAGES_MAX)
            image.check(field)
            if image.id in found:
                raise InvalidArgument.of(f"{field}.id", f"{image.id!r} stands twice")
            found[image.id] = replace(image, labels=tuple(sorted(image.labels, key=_row)))
        _check_one_kind("images", found.values())
        return cls(tuple(found[image_id] for image_id in sorted(found)))

    @classmethod
    def of_frames(cls, frames: Iterable[Frame], sensor_id: str | None = None) -> Annotations:
        """The annotations that frames carry, such as `sluice.formats.coco` reads."""
        return cls.of(AnnotatedImage.of_frame(frame, sensor_id) for frame in frames)

    def to_bytes(self) -> bytes:
        """What was said: equal for equal rounds, whatever their order or label ids."""
        said = [
            (image.id, image.width, image.height, list(map(_row, image.labels)))
            for image in self.images
        ]
        return msgspec.msgpack.encode(said)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Annotations:
        """The round that `to_bytes` was called on, without label ids; DataLoss if it is none."""
        try:
            said = msgspec.msgpack.decode(stored, type=list[tuple[str, int, int, list[_Row]]])
        except msgspec.MsgspecError as error:
            raise DataLoss(f"stored annotations cannot be read: {error}") from error
        return cls(
            tuple(
                AnnotatedImage(id=i, width=w, height=h, labels=tuple(map(_label, rows)))
                for i, w, h, rows in said
            )
        )

    def digest(self) -> bytes:
        """SHA-256 of `to_bytes`."""
        return hashlib.sha256(self.to_bytes()).digest()


def pair_images(
    reference: Annotations, current: Annotations
) -> tuple[list[tuple[AnnotatedImage, AnnotatedImage]], tuple[str, ...]]:
    """The images of both rounds as pairs, by id, and the ids that only the reference has.

    Images that only the current round has are no part of the golden set: batches are often
    annotated with the golden images hidden among them. Raises InvalidArgument where one round has
    boxes and the other classes of images.
    """
    _check_one_kind("current", [*reference.images, *current.images])
    found = {image.id: image for image in current.images}
    pairs = [(image, found[image.id]) for image in reference.images if image.id in found]
    return pairs, tuple(image.id for image in reference.images if image.id not in found)


def count_classes(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> NDArray[np.int64]:
    """How many labels of each class each image has, `(images, classes)`; others do not count."""
    column = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(images), len(classes)), np.int64)
    for row, image in enumerate(images):
        for label in image.labels:
            if (index := column.get(label.class_name)) is not None:
                counts[row, index] += 1
    return counts


def check_classes(classes: Sequence[str]) -> None:
    """Refuse an empty class map, or one in which a name stands twice."""
    if not classes:
        raise InvalidArgument.of("classes", "are none; the dataset's class map needs one at least")
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if list(classes).count(name) > 1)
        raise InvalidArgument.of("classes", f"{twice!r} stands twice")


def _row(label: Label) -> _Row:
    box = label.shape
    if isinstance(box, Box2D):
        left, top, width, height = map(float, (box.left, box.top, box.width, box.height))
        return label.class_name, left, top, width, height
    return label.class_name, 0.0, 0.0, 0.0, 0.0


def _label(row: _Row) -> Label:
    name, left, top, width, height = row
    # No box is without width: that is the class of an image.
    shape = Box2D(left, top, width, height) if width else Classification2D()
    return Label(id="", class_name=name, shape=shape)


def _check_measures(field: str, box: Box2D) -> None:
    """Refuse a box too small or too large to be one of an image."""
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
        (first, one), (second, other) = kinds.items()
        problem = f"{one!r} has a {first} and {other!r} a {second}; all labels must be of one kind"
        raise InvalidArgument.of(field, problem)
