"""What is recorded of a round at a glance, iteration by iteration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.curation.golden.annotations import Annotations, check_classes
from services.records.records import Record


class Summary(Record, frozen=True, kw_only=True):
    """Counts of one round; only classes of the class map count, `other_classes` lists the rest.

    `images` is all that were looked at, `images_with_labels` those in which something was found.
    """

    images: int
    images_with_labels: int
    detections: int
    class_counts: dict[str, int]
    other_classes: dict[str, int]

    @property
    def detections_per_image(self) -> float:
        """Detections over all images; 0 without images."""
        return self.detections / max(1, self.images)

    @property
    def detections_per_labelled_image(self) -> float:
        """Detections over the images that have any; 0 where none has."""
        return self.detections / max(1, self.images_with_labels)

    def top_classes(self, count: int = 5) -> list[tuple[str, int]]:
        """The classes with the most detections, most first; equal ones in the map's order."""
        return Counter(self.class_counts).most_common(count)


def summarise(annotations: Annotations, classes: Sequence[str]) -> Summary:
    """The summary of a round; `classes` are the names of the dataset's class map."""
    check_classes(classes)
    known, others = Counter(dict.fromkeys(classes, 0)), Counter[str]()
    with_labels = 0
    for image in annotations.images:
        names = Counter(label.class_name for label in image.labels)
        inside = Counter({name: count for name, count in names.items() if name in known})
        with_labels += bool(inside)
        known.update(inside)
        others.update(names - inside)
    return Summary(
        images=len(annotations.images),
        images_with_labels=with_labels,
        detections=known.total(),
        class_counts=dict(known),
        other_classes=dict(sorted(others.items())),
    )
