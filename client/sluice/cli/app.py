"""The `sluice` command: the list of its groups and commands, and the global options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from sluice import __version__
from sluice.cli import (
    append,
    background,
    batches,
    campaigns,
    datasets,
    demo,
    doctor,
    elements,
    fields,
    frames,
    funnel,
    golden_sets,
    issues,
    keys,
    login,
    old_names,
    progress,
    projects,
    reviews,
    rounds,
    samples,
    scan,
    search,
    views,
    zcore,
)
from sluice.cli.commands import Command, CommandGroup
from sluice.cli.connection import Connection, read_key_file
from sluice.cli.exit_codes import MEANINGS
from sluice.client import DEFAULT_TARGET

# The order of the help is the order of these lists.
GROUPS: Final = (
    CommandGroup(
        "projects",
        "Projects, and the API keys that open them.",
        {
            "list": projects.list_projects,
            "create": projects.create_project,
            "delete": projects.delete_project,
            "delete-frames": projects.delete_frames,
        },
        (
            CommandGroup(
                "keys",
                "API keys of a project.",
                {"create": keys.create_key, "list": keys.list_keys, "delete": keys.delete_key},
            ),
        ),
    ),
    CommandGroup(
        "datasets",
        "Datasets: frames, their labels, and searches among them.",
        {
            "list": datasets.list_datasets,
            "create": datasets.create_dataset,
            "append": append.append,
            "counts": frames.counts,
            "frames": frames.list_frames,
            "status": frames.set_status,
            "tag": frames.tag,
            "set-fields": fields.set_fields,
            "split": frames.assign_splits,
            "similar": search.similar,
            "pick": search.pick,
            "search": search.search,
            "zcore": zcore.zcore,
            "delete": datasets.delete_dataset,
        },
    ),
    CommandGroup(
        "views",
        "Views: saved filters of a dataset.",
        {"save": views.save_view, "list": views.list_views, "delete": views.delete_view},
    ),
    CommandGroup(
        "rounds",
        "Rounds: predictions of a model, and its failures.",
        {
            "create": rounds.create_round,
            "list": rounds.list_rounds,
            "import-predictions": rounds.import_predictions,
            "mine-failures": rounds.mine_failures,
            "delete": rounds.delete_round,
        },
    ),
    CommandGroup(
        "batches",
        "Batches: what to label next, and why.",
        {
            "create": batches.create_batch,
            "show": batches.show_batch,
            "list": batches.list_batches,
            "picks": batches.list_picks,
            "delete": batches.delete_batch,
        },
    ),
    CommandGroup(
        "issues",
        "Issues: the hard cases.",
        {
            "list": issues.list_issues,
            "create": issues.create_issue,
            "show": issues.show_issue,
            "rename": issues.rename_issue,
            "add-elements": issues.add_elements,
            "elements": issues.list_elements,
            "remove-elements": elements.remove_elements,
            "delete": issues.delete_issue,
        },
    ),
    CommandGroup(
        "campaigns",
        "Campaigns: collect more frames like an issue.",
        {
            "list": campaigns.list_campaigns,
            "start": campaigns.start_campaign,
            "show": campaigns.show_campaign,
            "rename": campaigns.rename_campaign,
            "versions": campaigns.list_versions,
            "commit": campaigns.commit_version,
            "activate": campaigns.activate,
            "deactivate": campaigns.deactivate,
            "threshold": campaigns.set_threshold,
            "budget": campaigns.set_budget,
            "delete": campaigns.delete_campaign,
        },
    ),
    CommandGroup(
        "samples",
        "Samples: the collected frames, and their review.",
        {
            "list": samples.list_samples,
            "show": samples.show_sample,
            "accept": reviews.accept,
            "discard": reviews.discard,
            "restore": reviews.restore,
            "delete": samples.delete_samples,
        },
    ),
    CommandGroup(
        "golden-sets",
        "Golden sets: check whether labels can be trusted.",
        {
            "create": golden_sets.create_golden_set,
            "list": golden_sets.list_golden_sets,
            "check": golden_sets.check,
            "history": golden_sets.history,
            "show": golden_sets.show_check,
            "override": golden_sets.override_check,
            "gate": golden_sets.gate,
            "delete": golden_sets.delete_golden_set,
        },
    ),
    CommandGroup(
        "progress",
        "Progress: what each round gained, and whether another is worth it.",
        {
            "record": progress.record,
            "list": progress.list_recorded_rounds,
            "show": progress.show_progress,
        },
    ),
)
COMMANDS: Final[dict[str, Command]] = {
    "funnel": funnel.funnel,
    "background": background.background,
    "scan": scan.scan,
    "doctor": doctor.doctor,
    "login": login.login,
    "logout": login.logout,
    "demo": demo.demo,
}


def _make_app() -> typer.Typer:
    """The command with its groups, and their old names hidden."""
    sluice = typer.Typer(
        name="sluice",
        epilog=f"Exit codes: {' · '.join(f'{code:d} {text}' for code, text in MEANINGS.items())}.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    for group in GROUPS:
        typer_group = group.to_typer()
        old_names.add_old_commands(typer_group, group.name)
        sluice.add_typer(typer_group, name=group.name)
        for old_name in old_names.GROUPS.get(group.name, ()):
            old_names.add_old_group(sluice, old_name, group)
    for name, command in COMMANDS.items():
        sluice.command(name)(command)
    return sluice


app = _make_app()


def _print_version(version: bool) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Option(
            envvar="SLUICE_TARGET", help=f"The server's address; default {DEFAULT_TARGET}."
        ),
    ] = "",
    api_key: Annotated[str, typer.Option(envvar="SLUICE_API_KEY", help="The API key.")] = "",
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SLUICE_API_KEY_FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="A file that holds the API key.",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(envvar="SLUICE_PROFILE", help="The profile that `sluice login` saved.")
    ] = "",
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Find the few frames worth labelling."""
    context.obj = Connection(target, api_key or read_key_file(api_key_file), profile)
