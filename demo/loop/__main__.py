"""`python -m demo.loop`: six rounds of the iteration loop, against random selection.

Teams use only the API, on a server that this program runs. Writes only `loop-data/`, in
the current directory.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from demo.interrupts import exit_when_signalled
from demo.loop.plot import draw_curves
from demo.loop.report import (
    Teams,
    print_comparison,
    print_progress,
    print_rounds,
    write_report,
)
from demo.loop.simulation import Simulation
from demo.loop.team import Step, Team
from demo.sluiced import running_sluiced
from sluice import CollectionClient

WORK: Final = Path("loop-data").resolve()
WIDTH_MIN: Final = 100  # columns that the tables need; a pipe has no width


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all teams, print the tables, write the report and the picture."""
    options = _parser().parse_args(arguments)
    exit_when_signalled()
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_MIN
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    with (
        running_sluiced(WORK / "sluice-data", WORK / "sluiced.log") as server,
        CollectionClient(server.address) as client,
    ):
        client.set_credentials(api_key=server.admin_key)
        chosen, random = _run(client, options.teams, options.rounds, console)
    print_comparison(console, chosen, random)
    write_report(chosen, random, WORK / "loop.json")
    draw_curves(chosen, random, WORK / "loop.png")
    console.print(f"\nPicture of both curves: {WORK / 'loop.png'}", highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.loop", description="The iteration loop against random selection."
    )
    parser.add_argument("--rounds", type=int, default=6, help="rounds per team; default 6")
    parser.add_argument("--teams", type=int, default=5, help="teams of each kind; default 5")
    return parser


def _run(
    client: CollectionClient, teams: int, rounds: int, console: Console
) -> tuple[Teams, Teams]:
    """Run teams that select with Sluice, and as many that label at random."""
    project = client.projects.create("loop").name
    chosen: list[list[Step]] = []
    random: list[list[Step]] = []
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("rounds", total=2 * teams * rounds)
        for seed in range(teams):
            simulation = Simulation.of(seed)
            for chooses, steps in ((True, chosen), (False, random)):
                team = Team.start(client, simulation, project, chooses=chooses)
                steps.append(team.run(rounds, lambda: bars.advance(bar)))
                if len(chosen) == 1 and not random:
                    print_rounds(console, steps[0])
                    print_progress(console, team.progress())
    return chosen, random


if __name__ == "__main__":
    main()
