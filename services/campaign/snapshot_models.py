"""Building the model of a version from the stored members of its snapshot."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from msgspec import convert
from numpy.typing import NDArray

from services.campaign import element_points
from services.campaign.manifest import Manifest, to_entry
from services.campaign.records import FitRecord, VersionRecord
from services.records.points import read_points
from services.records.stores import Stores
from sluice.names import CampaignName
from sluice.scoring import Basis, ElementId, ScoringModel, build_model


async def read_member_vectors(
    stores: Stores, name: CampaignName, version: VersionRecord, manifest: Manifest
) -> NDArray[np.float32]:
    """The vectors of `manifest.members`, `(members, dimension) float32`; zeros for missing ones."""
    digest = version.snapshot_digest
    entries = [to_entry(line) for line, _ in manifest.members]
    return await read_points(
        stores.vectors,
        element_points.collection_for(name.project, version),
        element_points.snapshot_tenant(name, digest),
        [element_points.snapshot_point(name, digest, entry) for entry in entries],
    )


def build_snapshot_model(
    manifest: Manifest, vectors: NDArray[np.float32], basis: Basis | None
) -> ScoringModel:
    """The model of the members, given their vectors, `(members, dimension) float32`."""
    element_ids = [
        ElementId(frame_id, label_id) for (frame_id, label_id, _), _ in manifest.positives
    ]
    positives, negatives = np.split(vectors, [len(element_ids)])
    return build_model(positives, element_ids, basis, negatives if len(negatives) else None)


def record_fit(model: ScoringModel) -> FitRecord | None:
    """The fit summary of a model as a version keeps it; None for a model of format 2."""
    return None if model.summary is None else convert(asdict(model.summary), FitRecord)
