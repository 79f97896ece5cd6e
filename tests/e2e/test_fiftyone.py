"""FiftyOne datasets against the services in each form; tests/peers has a real FiftyOne."""

from __future__ import annotations

from sluice.fiftyone import SampleFields, append_dataset
from sluice.resources.filters import frame_filter
from tests.e2e.fake_fiftyone import Dataset, Detection, Detections, ImageMetadata, Sample
from tests.e2e.team import DIMENSION, MODEL, Team, vector


def test_samples_become_frames(team: Team) -> None:
    """Labelled and empty samples are annotated, others unlabelled; all have their embeddings."""
    name = f"{team.project}/datasets/d"
    van = Detection("b1", "van", [0.1, 0.2, 0.9, 0.5])
    truths = {"v1": Detections([van]), "v2": Detections(), "v3": None}
    size = ImageMetadata(200, 100)
    source = Dataset(
        [
            Sample(id, f"/{id}.png", metadata=size, ground_truth=truth, embedding=vector(id))
            for id, truth in truths.items()
        ]
    )

    counts = append_dataset(
        team.datasets,
        name,
        source,
        SampleFields("ground_truth", "embedding", MODEL),
        status="annotated",
    )

    stored = team.datasets.counts(name)
    annotated = team.datasets.frames(name, frame_filter(statuses=["annotated"]))
    assert (3, ["v3"], []) == (counts.added, counts.unlabelled_groups, counts.without_embedding)
    assert {"v1": 1, "v2": 0} == {f.frame.id: len(f.frame.labels) for f in annotated}
    assert (MODEL, DIMENSION) == (stored.model_id, stored.dimension)


def test_a_deleted_sample_is_skipped(team: Team) -> None:
    """The sample of a deleted frame is counted, gets no tags, and stops nothing."""
    name = f"{team.project}/datasets/d"
    team.datasets.delete_frames(team.project, ["v1"])
    source = Dataset([Sample(id, f"/{id}.png", tags=["night"]) for id in ("v1", "v2")])

    counts = append_dataset(team.datasets, name, source, SampleFields(label_field=""))

    [frame] = team.datasets.frames(name)
    assert ("v2", ["night"]) == (frame.frame.id, list(frame.tags))
    assert (1, 1) == (counts.added, counts.deleted)
