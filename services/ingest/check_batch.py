"""Checking a batch against itself and against the campaign versions that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.batch import Match, SubmittedBatch
from services.peers.active import ActiveVersions, Budget, Version
from sluice.errors import InvalidArgument, NotFound, PermissionDenied
from sluice.names import CampaignName
from sluice.tally import Tally
from sluice.thresholds import effective_threshold


@dataclass(frozen=True, slots=True)
class JudgedCampaign:
    """A campaign version that a batch was judged under; `active` is the campaign's state now.

    `rescored` says that the batch was scored by a former model of the version, which a deletion of
    frames has replaced: its scores are not compared.
    """

    campaign: str
    version: Version
    active: bool
    threshold: float
    budget: Budget
    rescored: bool = False


async def check_batch(
    active: ActiveVersions, project: str, batch: SubmittedBatch
) -> tuple[JudgedCampaign, ...]:
    """Check a batch; returns the campaign of each of its tallies.

    Raises InvalidArgument, NotFound or PermissionDenied naming the field.
    """
    _check_consistency(batch)
    campaigns = await _read_campaigns(active, project, batch)
    _check_space(batch, [judged.version for judged in campaigns])
    return campaigns


def _check_consistency(batch: SubmittedBatch) -> None:
    """Check that the parts of a batch agree with each other."""
    frames = len(batch.seen_hashes)
    for index, tally in enumerate(batch.tallies):
        if tally.count != frames:
            raise InvalidArgument.of(
                f"batch.tallies[{index}].count",
                f"is {tally.count}; expected {frames}, the number of seen_hashes",
            )
    _check_unique("batch.tallies", "campaign", [tally.campaign for tally in batch.tallies])
    _check_unique("batch.matches", "frame id", [match.frame.id for match in batch.matches])
    if len(batch.matches) > frames:
        raise InvalidArgument.of(
            "batch.matches",
            f"{len(batch.matches)} matches exceed {frames}, the number of seen_hashes",
        )
    for index, match in enumerate(batch.matches):
        _check_scores(f"batch.matches[{index}].scores", match, len(batch.tallies))
    rows = batch.embeddings.frame_count if batch.embeddings else 0
    if rows != len(batch.matches):
        raise InvalidArgument.of(
            "batch.embeddings", f"vectors of {rows} frames for {len(batch.matches)} matches"
        )


def _check_scores(field: str, match: Match, tallies: int) -> None:
    indices = [index for index, _ in match.scores]
    if not indices:
        raise InvalidArgument.of(field, f"frame {match.frame.id!r} has no score; send at least one")
    _check_unique(field, "tally_index", indices)
    for index, score in match.scores:
        if index >= tallies:
            raise InvalidArgument.of(
                field, f"tally_index {index} is out of range; the batch has {tallies} tallies"
            )
        if not 0 <= score <= 1:
            raise InvalidArgument.of(field, f"score {score} is not in 0…1")


def _check_unique(field: str, kind: str, values: Sequence[object]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise InvalidArgument.of(field, f"duplicate {kind} {value!r}")
        seen.add(value)


async def _read_campaigns(
    active: ActiveVersions, project: str, batch: SubmittedBatch
) -> tuple[JudgedCampaign, ...]:
    active_set = await active.current(project)
    judged = []
    for index, tally in enumerate(batch.tallies):
        field = f"batch.tallies[{index}]"
        campaign_id = _campaign_id(project, tally, field)
        campaign = active_set.campaigns.get(campaign_id)
        if campaign is not None and campaign.version.number == tally.version:
            version = campaign.version
        else:
            version = await _read_version(active, project, campaign_id, tally.version, field)
        if not _names_model(tally, version):
            # A deletion may have replaced the model of the version since it was read.
            version = await active.version(project, campaign_id, tally.version, fresh=True)
        rescored = tally.model_digest in version.former_digests
        if not _names_model(tally, version):
            raise InvalidArgument.of(
                f"{field}.model_digest",
                f"is {tally.model_digest!r}; expected {version.model_digest!r}, "
                f"the digest of version {tally.version}",
            )
        judged.append(
            JudgedCampaign(
                campaign_id,
                version,
                active=campaign is not None and bool(version.model_digest),
                threshold=effective_threshold(
                    batch.threshold_override, campaign.threshold if campaign else None
                ),
                budget=campaign.budget if campaign else Budget(),
                rescored=rescored,
            )
        )
    return tuple(judged)


def _names_model(tally: Tally, version: Version) -> bool:
    return tally.model_digest in (version.model_digest, *version.former_digests)


async def _read_version(
    active: ActiveVersions, project: str, campaign: str, number: int, field: str
) -> Version:
    try:
        return await active.version(project, campaign, number)
    except NotFound as error:
        raise NotFound(f"{field}: {error.message}", metadata=error.metadata) from error


def _campaign_id(project: str, tally: Tally, field: str) -> str:
    name = CampaignName.parse(tally.campaign, f"{field}.campaign")
    if name.project != project:
        raise PermissionDenied(
            f"{field}.campaign: {tally.campaign!r} is not in the session's project {project!r}",
            reason="FOREIGN_PROJECT",
        )
    return name.campaign


def _check_space(batch: SubmittedBatch, versions: Sequence[Version]) -> None:
    spaces = {(version.model_id, version.dimension) for version in versions}
    if batch.embeddings is not None:
        spaces.add((batch.embeddings.model_id, batch.embeddings.vectors.shape[1]))
    if len(spaces) > 1:
        names = ", ".join(f"{model!r} with {dim} dimensions" for model, dim in sorted(spaces))
        raise InvalidArgument.of(
            "batch.embeddings",
            f"campaigns and vectors of a batch must be of one space; got {names}",
            reason="SPACE_MISMATCH",
        )
