"""The summary of a round: counts that listings show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.curation.golden.annotations import Annotations, check_classes
from services.records.records import Record


class Summary(Record, frozen=True, kw_only=True):
    """Counts of one round; only classes of the class map count, `other_classes` has the rest.

    `images` counts all annotated images, `images_with_labels` those with a label that counts.
    Crowds are counted apart, whatever their class; `other_labels` is the sum of `other_classes`.
    """

    images: int
    images_with_labels: int
    detections: int
    class_counts: dict[str, int]
    other_classes: dict[str, int]
    other_labels: int = 0
    crowds: int = 0

    @property
    def detections_per_image(self) -> float:
        """Detections over all images; 0 without images."""
        return self.detections / max(1, self.images)


def summarise(annotations: Annotations, classes: Sequence[str]) -> Summary:
    """The summary of a round; `classes` are the names of the dataset's class map."""
    check_classes(classes)
    counts, other_counts = Counter(dict.fromkeys(classes, 0)), Counter[str]()
    with_labels = crowds = 0
    for image in annotations.images:
        names = Counter(label.class_name for label in image.labels if not label.crowd)
        crowds += len(image.labels) - names.total()
        counted = Counter({name: count for name, count in names.items() if name in counts})
        with_labels += bool(counted)
        counts.update(counted)
        other_counts.update(names - counted)
    return Summary(
        images=len(annotations.images),
        images_with_labels=with_labels,
        detections=counts.total(),
        class_counts=dict(counts),
        other_classes=dict(sorted(other_counts.items())),
        other_labels=other_counts.total(),
        crowds=crowds,
    )
