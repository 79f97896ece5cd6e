"""Reading annotated images from a stream, with limits on what is held in memory."""

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
"""Labels of a round that are held in memory, at 400 bytes each."""


class _ImageMessage(Protocol):
    @property
    def images(self) -> Sequence[pb.AnnotatedImage]: ...


async def read_annotations(first: _ImageMessage, rest: AsyncIterator[_ImageMessage]) -> Annotations:
    """The annotations of all messages of a stream.

    Raises InvalidArgument naming the first invalid value; images are numbered over all messages.
    """
    images: list[AnnotatedImage] = []
    labels = _add_images(first, images, 0)
    async for message in rest:
        labels = _add_images(message, images, labels)
    return await asyncio.to_thread(Annotations.of, images)


def _add_images(message: _ImageMessage, images: list[AnnotatedImage], labels: int) -> int:
    """Add the images of a message; returns the number of labels so far."""
    for image in message.images:
        field = f"images[{len(images)}]"
        if len(images) == IMAGES_MAX:
            problem = f"more than {IMAGES_MAX:,}; at most {IMAGES_MAX:,} are accepted"
            raise too_large("images", problem, IMAGES_MAX)
        if len(image.labels) > LABELS_PER_IMAGE_MAX:
            problem = f"{len(image.labels):,}; at most {LABELS_PER_IMAGE_MAX:,} are accepted"
            raise too_large(f"{field}.labels", problem, LABELS_PER_IMAGE_MAX)
        labels += len(image.labels)
        if labels > LABELS_MAX:
            problem = f"more than {LABELS_MAX:,} labels; at most {LABELS_MAX:,} are accepted"
            raise too_large("images", problem, LABELS_MAX)
        images.append(_read_image(image, field))
    return labels


def _read_image(message: pb.AnnotatedImage, field: str) -> AnnotatedImage:
    return AnnotatedImage(
        id=message.id,
        width=message.width,
        height=message.height,
        labels=tuple(
            Label.from_proto(label, f"{field}.labels[{index}]")
            for index, label in enumerate(message.labels)
        ),
    )
