"""Rounds of annotations as tests write them."""

from __future__ import annotations

from services.curation.golden.annotations import AnnotatedImage, Annotations
from sluice.labels import Box2D, Classification2D, Label

CLASSES = ("car", "van", "tram")


def box(class_name: str, left: float = 0, top: float = 0, side: float = 10) -> Label:
    """A square."""
    return Label(id="l", class_name=class_name, shape=Box2D(left, top, side, side))


def image_class(class_name: str) -> Label:
    """The class of a whole image."""
    return Label(id="l", class_name=class_name, shape=Classification2D())


def image(image_id: str, *labels: Label) -> AnnotatedImage:
    """An image of 1,000 × 1,000 pixels."""
    return AnnotatedImage(id=image_id, width=1_000, height=1_000, labels=labels)


def in_a_row(*class_names: str) -> tuple[Label, ...]:
    """Objects that do not overlap."""
    return tuple(box(name, left=20 * index) for index, name in enumerate(class_names))


def round_of(*images: tuple[str, ...]) -> Annotations:
    """A round from the classes of the objects in each image."""
    return Annotations.of(
        image(f"i{index:03}", *in_a_row(*names)) for index, names in enumerate(images)
    )
