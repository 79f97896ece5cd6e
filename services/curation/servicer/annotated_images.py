"""Annotated images as they come in a stream, bounded before they are held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from services.curation.golden.annotations import (
    IMAGES_MAX,
    LABELS_PER_IMAGE_MAX,
    AnnotatedImage,
    Annotations,
)
from sluice.checks import too_large
from sluice.labels import Label
from sluice.v1 import golden_set_pb2 as pb

LABELS_MAX: Final = 200_000
"""What is held at once, in all images of a round: 400 bytes each."""


class _WithImages(Protocol):
    @property
    def images(self) -> Sequence[pb.AnnotatedImage]: ...


async def read_annotations(first: _WithImages, rest: AsyncIterator[_WithImages]) -> Annotations:
    """The annotations of all messages of a stream.

    Raises InvalidArgument naming what is wrong, images being numbered over all messages.
    """
    images: list[AnnotatedImage] = []
    labels = _take(first, images, 0)
    async for message in rest:
        labels = _take(message, images, labels)
    return await asyncio.to_thread(Annotations.of, images)


def _take(message: _WithImages, images: list[AnnotatedImage], labels: int) -> int:
    """Take the images of a message; how many labels there are then."""
    for image in message.images:
        field = f"images[{len(images)}]"
        if len(images) == IMAGES_MAX:
            problem = f"are more than the {IMAGES_MAX:,} that are accepted"
            raise too_large("images", problem, IMAGES_MAX)
        if len(image.labels) > LABELS_PER_IMAGE_MAX:
            problem = f"{len(image.labels):,}; at most {LABELS_PER_IMAGE_MAX:,} are accepted"
            raise too_large(f"{field}.labels", problem, LABELS_PER_IMAGE_MAX)
        labels += len(image.labels)
        if labels > LABELS_MAX:
            problem = f"have more than the {LABELS_MAX:,} labels that are accepted"
            raise too_large("images", problem, LABELS_MAX)
        images.append(_image(image, field))
    return labels


def _image(message: pb.AnnotatedImage, field: str) -> AnnotatedImage:
    return AnnotatedImage(
        id=message.id,
        width=message.width,
        height=message.height,
        labels=tuple(
            Label.from_proto(label, f"{field}.labels[{index}]")
            for index, label in enumerate(message.labels)
        ),
    )
