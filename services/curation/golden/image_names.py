"""The names of a round's images: whether they are those of its golden set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

from services.curation.golden.annotations import Annotations
from sluice.errors import InvalidArgument

_NAMED_MAX: Final = 3


def check_images_match(reference: Annotations, current: Annotations) -> None:
    """Refuse a round that has no image of the golden set; the error has names of both sides."""
    golden, names = (_names(side) for side in (reference, current))
    if golden & names:
        return
    if not names:
        raise InvalidArgument.of("images", "no images; at least one of the golden set is required")
    problem = (
        f"none of the round's {len(names):,} images is in the golden set, which has "
        f"{_name_some(golden)}; the round has {_name_some(names)}"
    )
    if renamed := find_renamed(golden, names):
        old, new = next(iter(renamed.items()))
        problem += (
            f"; without folders and case {len(renamed):,} match, {new!r} with {old!r}: give the "
            "images the names that the golden set has"
        )
    raise InvalidArgument.of("images", problem)


def find_renamed(missing: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """The missing images that others may be, which differ in folders and case only.

    Names that several images have without their folders are left out.
    """
    missing_by_name, others_by_name = _unique_base_names(missing), _unique_base_names(others)
    return {
        image: others_by_name[name]
        for name, image in sorted(missing_by_name.items())
        if name in others_by_name
    }


def _names(annotations: Annotations) -> set[str]:
    return {image.id for image in annotations.images}


def _unique_base_names(images: Iterable[str]) -> dict[str, str]:
    """The images by their name without folders and case, where only one has it."""
    pairs = [(image.replace("\\", "/").rpartition("/")[2].casefold(), image) for image in images]
    counts = Counter(name for name, _ in pairs)
    return {name: image for name, image in pairs if counts[name] == 1}


def _name_some(names: Iterable[str]) -> str:
    some = list(islice(sorted(names), _NAMED_MAX + 1))
    return ", ".join(map(repr, some[:_NAMED_MAX])) + (", …" if len(some) > _NAMED_MAX else "")
