"""`sluice campaigns`: start campaigns, commit their versions, change their settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sluice.cli.arguments import Campaign, Issue, Json, Project
from sluice.cli.connection import connection
from sluice.cli.deletions import DryRun, show_deletion
from sluice.cli.output import ColumnNames, show, show_one
from sluice.cli.tables import ResourceCell
from sluice.v1 import campaign_pb2


def _state(campaign: Any) -> str:
    return campaign_pb2.Campaign.State.Name(campaign.state).removeprefix("STATE_").lower()


def _threshold(campaign: Any) -> str:
    return f"{campaign.threshold:g}" if campaign.HasField("threshold") else "0.5"


def _budget(campaign: Any) -> str:
    """The maximum number of samples, in total and per day."""
    limits = {"total": "in total", "per_day": "per day"}
    set_limits = [name for name in limits if campaign.budget.HasField(name)]
    texts = [f"{getattr(campaign.budget, name):,} {limits[name]}" for name in set_limits]
    return ", ".join(texts) or "no limit"


def _note(campaign: Any) -> str:
    """What limits the newest version, and how to improve it."""
    notes = []
    if not campaign.version.basis_digest:
        notes.append("made without a background")
    if campaign.commit_adds_background:
        notes.append("the next commit would use one")
    if campaign.version.diverse:
        notes.append("the issue is diverse: split it or review more")
    return "; ".join(notes)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"


def _member_share(version: Any) -> str:
    """The share of the corpus that looks like the issue, with its interval."""
    if not version.fit.HasField("member_share"):
        return "unknown"
    share = version.fit.member_share
    return f"{_percent(share.estimate)} ({_percent(share.low)} to {_percent(share.high)})"


def _corpus(campaign: Any) -> str:
    """How much of the corpus looks like the issue; if that is unknown, what it needs."""
    version = campaign.version
    if version.fit.HasField("member_share"):
        share, interval = _member_share(version).split(" ", 1)
        return f"about {share} of the corpus looks like this issue {interval}"
    if not version.model_digest:
        return "unknown: the frames of all elements were deleted"
    if not version.HasField("fit"):
        return "unknown for a version of an earlier Sluice: commit again"
    if not version.basis_digest:
        return "unknown without a background"
    return "unknown for fewer than three different elements"


def _fit(campaign: Any) -> str:
    """What the fit of the newest version chose from the data."""
    fit = campaign.version.fit
    if not campaign.version.HasField("fit"):
        return ""
    rows = "1 row" if fit.background_set_aside == 1 else f"{fit.background_set_aside} rows"
    return (
        f"{fit.prototype_share:.0%} prototype; average remainder weight "
        f"{fit.remainder_weight:.2f}; {rows} of the background set aside"
    )


COLUMNS = [
    ("campaign", lambda c: ResourceCell(c.name)),
    ("called", lambda c: c.display_name),
    ("state", _state),
    ("version", lambda c: c.version.number),
    ("elements", lambda c: c.version.element_count),
    ("threshold", _threshold),
]
MORE = [("issue", lambda c: ResourceCell(c.issue)), ("budget", _budget)]
DETAILS = [
    *COLUMNS,
    *MORE,
    ("clusters", lambda c: c.version.cluster_count),
    ("since then", lambda c: f"{c.elements_added} added, {c.elements_removed} removed"),
    ("corpus", _corpus),
    ("fit", _fit),
    ("note", _note),
]
VERSION = [
    ("version", lambda v: v.number),
    ("elements", lambda v: v.element_count),
    ("accepted", lambda v: v.accepted_count),
    ("negatives", lambda v: v.negative_count),
    ("clusters", lambda v: v.cluster_count),
    ("model", lambda v: v.model_digest[:12]),
    ("background", lambda v: "yes" if v.basis_digest else "no"),
    ("share of corpus", _member_share),
]


def list_campaigns(
    context: typer.Context, columns: ColumnNames = "", project: Project = "", json: Json = False
) -> None:
    """List the campaigns of a project.

    Example: sluice campaigns list -p night-fleet
    """
    with connection(context).client(project) as client:
        show(client.campaigns.list(), COLUMNS, to_json=json, more=MORE, names=columns)


def start_campaign(
    context: typer.Context,
    issue: Issue,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="0 to 1; default 0.5.")
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Start a campaign: snapshot an issue as version 1, and start to collect.

    Example: sluice campaigns start ISSUE --threshold 0.6
    """
    with connection(context).client(project) as client:
        show_one(client.campaigns.start(issue, threshold=threshold), COLUMNS, to_json=json)


def show_campaign(
    context: typer.Context, campaign: Campaign, project: Project = "", json: Json = False
) -> None:
    """Show a campaign, the changes of its issue since the newest version, and that version's fit.

    Example: sluice campaigns show CAMPAIGN
    """
    with connection(context).client(project) as client:
        show_one(client.campaigns.get(campaign), DETAILS, to_json=json)


def list_versions(
    context: typer.Context,
    campaign: Campaign,
    columns: ColumnNames = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List the versions of a campaign, newest first.

    Example: sluice campaigns versions CAMPAIGN
    """
    with connection(context).client(project) as client:
        show(client.campaigns.versions(campaign), VERSION, to_json=json, names=columns)


def commit_version(
    context: typer.Context,
    campaign: Campaign,
    with_feedback: Annotated[
        bool,
        typer.Option("--with-feedback", help="Include all accepted and discarded samples."),
    ] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Commit the current issue as the next version.

    Example: sluice campaigns commit CAMPAIGN --with-feedback
    """
    with connection(context).client(project) as client:
        version = client.campaigns.commit(campaign, with_feedback=with_feedback)
        show_one(version, VERSION, to_json=json)


def activate(
    context: typer.Context, campaign: Campaign, project: Project = "", json: Json = False
) -> None:
    """Make a campaign collect again.

    Example: sluice campaigns activate CAMPAIGN
    """
    with connection(context).client(project) as client:
        show_one(client.campaigns.activate(campaign), COLUMNS, to_json=json)


def deactivate(
    context: typer.Context, campaign: Campaign, project: Project = "", json: Json = False
) -> None:
    """Stop a campaign from collecting; its samples stay.

    Example: sluice campaigns deactivate CAMPAIGN
    """
    with connection(context).client(project) as client:
        show_one(client.campaigns.deactivate(campaign), COLUMNS, to_json=json)


def set_threshold(
    context: typer.Context,
    campaign: Campaign,
    value: Annotated[str, typer.Argument(help="0 to 1, or `default`.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Set a campaign's threshold.

    Example: sluice campaigns threshold CAMPAIGN 0.6
    """
    try:
        threshold = None if value == "default" else float(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r}: expected a number or `default`") from None
    with connection(context).client(project) as client:
        show_one(client.campaigns.set_threshold(campaign, threshold), COLUMNS, to_json=json)


def set_budget(
    context: typer.Context,
    campaign: Campaign,
    total: Annotated[
        str | None, typer.Option(metavar="N", help="Maximum samples in total, or `none`.")
    ] = None,
    per_day: Annotated[
        str | None, typer.Option(metavar="N", help="Maximum samples per UTC day, or `none`.")
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Set how many samples a campaign may collect; a limit that is not given stays.

    Matches beyond it are counted as over budget. Without options, the budget is only shown.

    Example: sluice campaigns budget CAMPAIGN --total 5000 --per-day 200
    """
    limits = {
        "total": _parse_limit("--total", total),
        "per_day": _parse_limit("--per-day", per_day),
    }
    with connection(context).client(project) as client:
        stored = client.campaigns.get(campaign)
        if total is not None or per_day is not None:
            budget = stored.budget
            kept = {name: getattr(budget, name) for name in limits if budget.HasField(name)}
            given = {"total": total, "per_day": per_day}
            changed = {name: limits[name] for name in limits if given[name] is not None}
            stored = client.campaigns.set_budget(stored.name, **{**kept, **changed})
        show_one(stored, [*COLUMNS, ("budget", _budget)], to_json=json)


def _parse_limit(option: str, text: str | None) -> int | None:
    if text in (None, "none"):
        return None
    try:
        limit = int(text or "")
    except ValueError:
        limit = -1
    if limit < 0:
        raise typer.BadParameter(f"{option} {text!r}: expected a number of samples or `none`")
    return limit


def delete_campaign(
    context: typer.Context,
    campaign: Campaign,
    dry_run: DryRun = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Delete an inactive campaign with its samples, snapshots and models.

    The counts of its funnel stay; matches that arrive later are counted as inactive.

    Example: sluice campaigns delete CAMPAIGN --dry-run
    """
    with connection(context).client(project) as client:
        summary = client.campaigns.delete(campaign, validate_only=dry_run)
        show_deletion(summary, to_json=json)
