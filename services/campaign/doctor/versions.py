"""Checks of campaigns against their version records and issues, and of the generation."""

from __future__ import annotations

from typing import Final

from services.campaign.blob_references import read_versions
from services.campaign.doctor.reading import read_campaigns
from services.campaign.records import (
    GENERATION,
    CampaignRecord,
    IssueCampaignsRecord,
    IssueRecord,
    VersionRecord,
    campaign_key,
    issue_campaigns_key,
    issue_key,
    revise,
    version_key,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT
from services.records.documents import StoredRecord, find_record
from services.records.records import decode, encode, prefix
from services.records.scanning import scan_pages
from sluice.names import CampaignName, IssueName, ProjectName, VersionName

ATTEMPTS: Final = 3
"""Maximum number of reads of a campaign that keeps changing."""


async def examine(examination: Examination) -> ExaminationEvents:
    """Examine every campaign of the project."""
    campaigns = await read_campaigns(examination.ledger, examination.project)
    for number, campaign in enumerate(campaigns, 1):
        yield ExaminationProgress("campaigns", number)
        name = CampaignName(examination.project, campaign.id)
        for finding in await _examine_campaign(examination, name):
            yield finding
    async for event in _examine_issues(examination, campaigns):
        yield event
    if generation_finding := await _check_generation(examination, len(campaigns)):
        yield generation_finding


async def _examine_campaign(examination: Examination, name: CampaignName) -> list[Finding]:
    ledger, project, key = examination.ledger, examination.project, campaign_key(name.campaign)
    for _ in range(ATTEMPTS):
        before = await find_record(ledger, project, key, CampaignRecord)
        versions = await read_versions(ledger, project, name.campaign)
        after = await find_record(ledger, project, key, CampaignRecord)
        # One transaction binds campaign and version: read as of one moment, they agree.
        if before is not None and after is not None and before.revision == after.revision:
            missing = await _check_missing(examination, name, before.record.version, versions)
            newest = await _check_newest(examination, name, before, versions)
            return [*missing, *newest]
    return []


async def _check_missing(
    examination: Examination,
    name: CampaignName,
    current: VersionRecord,
    versions: list[VersionRecord],
) -> list[Finding]:
    """Findings for missing version records; only the campaign's current one can be restored."""
    numbers = {version.number for version in versions}
    findings = []
    for number in range(1, max({current.number, *numbers}) + 1):
        if number in numbers:
            continue
        subject = str(VersionName(name.project, name.campaign, str(number)))
        finding = Finding(FindingKind.VERSION_MISSING, subject, "a record", "none")
        if number == current.number:
            key = version_key(name.campaign, number)
            restored = await examination.commit_repair({key: ABSENT}, {key: encode(current)})
            findings.append(finding.mark_repaired(restored))
        else:
            findings.append(finding.mark_lost())
    return findings


async def _check_newest(
    examination: Examination,
    name: CampaignName,
    campaign: StoredRecord[CampaignRecord],
    versions: list[VersionRecord],
) -> list[Finding]:
    """The finding for a campaign with another version than the newest record.

    Version records never change: they are right.
    """
    current = campaign.record.version
    newest = versions[0] if versions else current
    if current == newest or current.number not in {version.number for version in versions}:
        return []
    finding = Finding(
        FindingKind.ACTIVE_VERSION,
        str(name),
        f"version {newest.number} as committed",
        f"version {current.number}"
        if current.number != newest.number
        else f"a different version {current.number}",
    )
    key = campaign_key(name.campaign)
    restored = await examination.commit_repair(
        checks={key: campaign.revision},
        puts={key: encode(revise(campaign.record, version=newest))},
        adds={GENERATION: 1},
    )
    return [finding.mark_repaired(restored)]


async def _examine_issues(
    examination: Examination, campaigns: list[CampaignRecord]
) -> ExaminationEvents:
    """Examine each issue's list of campaigns, which protects an issue with active ones."""
    campaign_ids: dict[str, set[str]] = {}
    for campaign in campaigns:
        campaign_ids.setdefault(campaign.issue, set()).add(campaign.id)
    async for page in scan_pages(examination.ledger, examination.project, prefix("issue")):
        for entry in page:
            issue = decode(IssueRecord, entry).id
            if finding := await _check_list(examination, issue, campaign_ids.get(issue, set())):
                yield finding


async def _check_list(examination: Examination, issue: str, expected: set[str]) -> Finding | None:
    ledger, project, key = examination.ledger, examination.project, issue_campaigns_key(issue)
    stored = await find_record(ledger, project, key, IssueCampaignsRecord)
    listed = set(stored.record.campaigns) if stored else set()
    # Campaigns created since the campaigns were read are listed correctly, and never deleted.
    created = await ledger.get(project, [campaign_key(id) for id in listed - expected])
    expected = expected | {decode(CampaignRecord, entry).id for entry in created.values()}
    if stored is not None and listed == expected:
        return None
    if not await ledger.get(project, [issue_key(issue)]):
        return None  # deleted meanwhile, together with its list
    finding = Finding(
        FindingKind.ISSUE_CAMPAIGNS,
        f"{IssueName(project, issue)} campaigns",
        f"{len(expected)}: {', '.join(sorted(expected))}",
        f"{len(listed)} listed" if stored else "no list",
    )
    checks = {key: stored.revision if stored else ABSENT}
    puts = {key: encode(IssueCampaignsRecord(campaigns=tuple(sorted(expected))))}
    return finding.mark_repaired(await examination.commit_repair(checks, puts))


async def _check_generation(examination: Examination, campaigns: int) -> Finding | None:
    """The finding for a generation below the number of campaigns: each start has raised it."""
    counters = await examination.ledger.counters(examination.project, [GENERATION])
    generation = counters[GENERATION]
    if generation >= campaigns:
        return None
    finding = Finding(
        FindingKind.GENERATION,
        f"{ProjectName(examination.project)} generation",
        f"at least {campaigns}",
        str(generation),
    )
    adds = {GENERATION: campaigns - generation}
    return finding.mark_repaired(await examination.commit_repair({}, {}, adds))
