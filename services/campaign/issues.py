"""Issues: curated sets of the frames that a model fails on."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from services.campaign.datasets import read_dataset
from services.campaign.projects import get_project
from services.campaign.records import (
    IssueCampaignsRecord,
    IssueRecord,
    dataset_key,
    issue_campaigns_key,
    issue_key,
    revise,
)
from services.ledger.interface import Transaction
from services.records.documents import StoredRecord, check_etag, read_record, read_records, retry
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.records import encode, now_us, prefix
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.names import DatasetName, IssueName, ProjectName


async def create_issue(
    stores: Stores,
    request: IdempotentRequest,
    project: ProjectName,
    display_name: str,
    dataset: DatasetName,
) -> IssueRecord:
    """Create an issue without elements."""
    check_text("issue.display_name", display_name)
    if dataset.project != project.project:
        raise InvalidArgument.of("issue.dataset", f"{str(dataset)!r} is not of {project}")
    stored = await read_dataset(stores, dataset)
    if response := await find_response(stores.ledger, project.project, request, IssueRecord):
        return response
    now = now_us()
    issue = IssueRecord(
        id=str(uuid4()),
        display_name=display_name,
        dataset=dataset.dataset,
        created_us=now,
        updated_us=now,
    )
    creation = Transaction(
        project.project,
        puts={
            issue_key(issue.id): encode(issue),
            issue_campaigns_key(issue.id): encode(IssueCampaignsRecord()),
        },
    )
    # The dataset is put unchanged: a deletion of it meanwhile must see this issue, or be seen.
    key = dataset_key(dataset.dataset)
    puts = {**creation.puts, key: encode(stored.record)}

    async def attempt() -> IssueRecord:
        current = await read_dataset(stores, dataset)
        checked = replace(creation, checks={key: current.revision}, puts=puts)
        return await commit_once(stores.ledger, checked, request, issue)

    return await retry(attempt, dataset)


async def get_issue(stores: Stores, name: IssueName) -> IssueRecord:
    """An issue; raises NotFound naming it if it does not exist."""
    return (await read_issue(stores, name)).record


async def read_issue(stores: Stores, name: IssueName) -> StoredRecord[IssueRecord]:
    """An issue with the revision that a change must check."""
    return await read_record(stores.ledger, name.project, issue_key(name.issue), IssueRecord, name)


async def list_issues(
    stores: Stores, project: ProjectName, page: Page
) -> tuple[list[IssueRecord], str]:
    """A page of a project's issues, ordered by name, and the next page token."""
    await get_project(stores, project)
    return await read_records(stores.ledger, project.project, prefix("issue"), IssueRecord, page)


async def rename_issue(
    stores: Stores, name: IssueName, display_name: str, etag: str
) -> IssueRecord:
    """Change the display name; raises Aborted if the etag is not the current one."""
    check_text("issue.display_name", display_name)

    async def attempt() -> IssueRecord:
        stored = await read_issue(stores, name)
        check_etag(etag, stored.record.etag, name)
        renamed = revise(stored.record, display_name=display_name)
        key = issue_key(name.issue)
        await stores.ledger.commit(
            Transaction(name.project, checks={key: stored.revision}, puts={key: encode(renamed)})
        )
        return renamed

    return await retry(attempt, name)


async def read_issue_campaigns(
    stores: Stores, name: IssueName
) -> StoredRecord[IssueCampaignsRecord]:
    """The campaigns of an issue, with revision; raises NotFound if the issue was deleted."""
    key = issue_campaigns_key(name.issue)
    return await read_record(stores.ledger, name.project, key, IssueCampaignsRecord, name)
