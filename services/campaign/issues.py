"""Issues: the hard cases that a team has found."""

from __future__ import annotations

from uuid import uuid4

from services.campaign.datasets import get_dataset
from services.campaign.projects import get_project
from services.campaign.records import (
    Issue,
    IssueCampaigns,
    changed,
    issue_campaigns_key,
    issue_key,
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
) -> Issue:
    """Create an issue without elements."""
    check_text("issue.display_name", display_name)
    if dataset.project != project.project:
        raise InvalidArgument.of("issue.dataset", f"{str(dataset)!r} is not of {project}")
    await get_dataset(stores, dataset)
    if first := await find_response(stores.ledger, project.project, request, Issue):
        return first
    now = now_us()
    issue = Issue(
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
            issue_campaigns_key(issue.id): encode(IssueCampaigns()),
        },
    )
    return await commit_once(stores.ledger, creation, request, issue)


async def get_issue(stores: Stores, name: IssueName) -> Issue:
    """An issue; NotFound naming it if there is none."""
    return (await read_issue(stores, name)).record


async def read_issue(stores: Stores, name: IssueName) -> StoredRecord[Issue]:
    """An issue and its revision, for changing it."""
    return await read_record(stores.ledger, name.project, issue_key(name.issue), Issue, name)


async def list_issues(stores: Stores, project: ProjectName, page: Page) -> tuple[list[Issue], str]:
    """A page of the issues of a project, by name, and the next one's token."""
    await get_project(stores, project)
    return await read_records(stores.ledger, project.project, prefix("issue"), Issue, page)


async def rename_issue(stores: Stores, name: IssueName, display_name: str, etag: str) -> Issue:
    """Give an issue another display name; Aborted when it has not that etag any more."""
    check_text("issue.display_name", display_name)

    async def attempt() -> Issue:
        found = await read_issue(stores, name)
        check_etag(etag, found.record.etag, name)
        renamed = changed(found.record, display_name=display_name)
        where = issue_key(name.issue)
        await stores.ledger.commit(
            Transaction(name.project, checks={where: found.revision}, puts={where: encode(renamed)})
        )
        return renamed

    return await retry(attempt, name)


async def read_campaigns_of(stores: Stores, name: IssueName) -> StoredRecord[IssueCampaigns]:
    """The campaigns of an issue, and the revision to check; NotFound if the issue was deleted."""
    where = issue_campaigns_key(name.issue)
    return await read_record(stores.ledger, name.project, where, IssueCampaigns, name)
