"""Campaigns against their version records, their issues, and the generation."""

from __future__ import annotations

from services.campaign.doctor.reading import campaigns_of, versions_of
from services.campaign.records import (
    GENERATION,
    Campaign,
    Issue,
    IssueCampaigns,
    Version,
    campaign_key,
    changed,
    issue_campaigns_key,
    issue_key,
    version_key,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.records.documents import find_record
from services.records.records import decode, encode, prefix
from services.records.scanning import scan_pages
from sluice.names import CampaignName, IssueName, ProjectName, VersionName

ATTEMPTS = 3
"""How often a campaign is read anew when somebody changes it meanwhile."""


async def examine(this: Examination) -> ExaminationEvents:
    """Examine every campaign of the project."""
    campaigns = await campaigns_of(this.ledger, this.project)
    for number, campaign in enumerate(campaigns, 1):
        yield ExaminationProgress("campaigns", number)
        for finding in await _examine_campaign(this, CampaignName(this.project, campaign.id)):
            yield finding
    async for event in _issues(this, campaigns):
        yield event
    if finding_ := await _generation(this, len(campaigns)):
        yield finding_


async def _examine_campaign(this: Examination, name: CampaignName) -> list[Finding]:
    where = campaign_key(name.campaign)
    for _ in range(ATTEMPTS):
        before = await find_record(this.ledger, this.project, where, Campaign)
        records = await versions_of(this.ledger, this.project, name.campaign)
        after = await find_record(this.ledger, this.project, where, Campaign)
        # Campaign and version are bound by one transaction: read as of one moment, they agree.
        if before is not None and after is not None and before.revision == after.revision:
            return await _compare(this, name, before.record, before.revision, records)
    return []


async def _compare(
    this: Examination, name: CampaignName, campaign: Campaign, revision: int, records: list[Version]
) -> list[Finding]:
    numbers = {record.number: record for record in records}
    newest = records[0] if records else campaign.version
    findings = []
    own = campaign.version
    for number in range(1, max(own.number, newest.number) + 1):
        if number not in numbers:
            subject = str(VersionName(name.project, name.campaign, str(number)))
            finding = Finding(FindingKind.VERSION_MISSING, subject, "a record", "none")
            if number == own.number:
                put = {version_key(name.campaign, number): encode(own)}
                checks = {version_key(name.campaign, number): ABSENT}
                done = this.repair and await _commit(this, checks, put, {})
                findings.append(finding.mark_repaired(done))
            else:
                findings.append(finding.mark_lost())
    if own.number in numbers and own != newest:
        # What was committed is never changed: the version records are right.
        found = f"version {own.number}" if own.number != newest.number else "another of its number"
        finding = Finding(
            FindingKind.ACTIVE_VERSION, str(name), f"version {newest.number} as committed", found
        )
        where = campaign_key(name.campaign)
        puts = {where: encode(changed(campaign, version=newest))}
        done = this.repair and await _commit(this, {where: revision}, puts, {GENERATION: 1})
        findings.append(finding.mark_repaired(done))
    return findings


async def _issues(this: Examination, campaigns: list[Campaign]) -> ExaminationEvents:
    """Each issue's list of campaigns: what keeps it from being deleted under an active one."""
    of_issue: dict[str, set[str]] = {}
    for campaign in campaigns:
        of_issue.setdefault(campaign.issue, set()).add(campaign.id)
    async for page in scan_pages(this.ledger, this.project, prefix("issue")):
        for entry in page:
            issue = decode(Issue, entry).id
            if finding := await _examine_list(this, issue, of_issue.get(issue, set())):
                yield finding


async def _examine_list(this: Examination, issue: str, expected: set[str]) -> Finding | None:
    where = issue_campaigns_key(issue)
    listed = await find_record(this.ledger, this.project, where, IssueCampaigns)
    said = set(listed.record.campaigns) if listed else set()
    # Campaigns that have come since they were read are listed rightly, and never go.
    later = await this.ledger.get(this.project, [campaign_key(c) for c in said - expected])
    expected = expected | {decode(Campaign, entry).id for entry in later.values()}
    if listed is not None and said == expected:
        return None
    if not await this.ledger.get(this.project, [issue_key(issue)]):
        return None  # deleted meanwhile, and its list with it
    found = f"{len(said)} listed" if listed else "no list"
    subject = f"{IssueName(this.project, issue)} campaigns"
    kind = FindingKind.ISSUE_CAMPAIGNS
    finding = Finding(kind, subject, f"{len(expected)}: {', '.join(sorted(expected))}", found)
    revision = listed.revision if listed else ABSENT
    puts = {where: encode(IssueCampaigns(campaigns=tuple(sorted(expected))))}
    return finding.mark_repaired(this.repair and await _commit(this, {where: revision}, puts, {}))


async def _generation(this: Examination, campaigns: int) -> Finding | None:
    """Every campaign raised the generation when it was started."""
    generation = (await this.ledger.counters(this.project, [GENERATION]))[GENERATION]
    if generation >= campaigns:
        return None
    finding = Finding(
        FindingKind.GENERATION,
        f"{ProjectName(this.project)} generation",
        f"at least {campaigns}",
        str(generation),
    )
    adds = {GENERATION: campaigns - generation}
    return finding.mark_repaired(this.repair and await _commit(this, {}, {}, adds))


async def _commit(
    this: Examination, checks: dict[str, int], puts: dict[str, bytes], adds: dict[str, int]
) -> bool:
    changes = {name: Add(delta) for name, delta in adds.items()}
    try:
        await this.ledger.commit(Transaction(this.project, checks, puts, adds=changes))
    except Conflict:
        return False
    return True
