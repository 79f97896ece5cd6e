"""Reviews and the next version of a campaign, in each deployment form."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import cluster
from sluice import errors
from sluice.v1 import campaign_pb2
from tests.e2e.cli import Cli
from tests.e2e.sluiced import Server
from tests.e2e.team import Team, frames

Counts = tuple[int, int, int]


def counts(version: campaign_pb2.CampaignVersion) -> Counts:
    """The numbers of elements, accepted samples and negatives of a version."""
    return version.element_count, version.accepted_count, version.negative_count


def collect(team: Team, *frame_ids: str) -> str:
    """Collect frames for the vans; returns the campaign."""
    team.sync_state()
    team.sample_probabilities(frames(*frame_ids))
    team.save_for_collection()
    team.funnel("vans")
    return team.started["vans"]


def test_reviews_make_the_next_version(team: Team) -> None:
    """Accepted and discarded samples count in the next version with feedback, until restored."""
    vans = collect(team, "v1", "v2", "v3", "v4")
    team.samples.accept(vans, ["v1", "v2"])
    team.samples.discard(vans, ["v3"])
    first = team.campaigns.commit(vans, with_feedback=True)
    team.samples.restore(vans, ["v1", "v3"])
    second = team.campaigns.commit(vans, with_feedback=True)
    plain = team.campaigns.commit(vans)

    assert [(7, 2, 1), (6, 1, 0), (5, 0, 0)] == list(map(counts, (first, second, plain)))
    assert 3 == len({version.model_digest for version in (first, second, plain)})
    responses = team.doctor.diagnose(team.project, repair=True)
    assert [] == [event.finding for event in responses if event.HasField("finding")]


def test_the_command_commits_with_feedback(standing_server: Server, tmp_path: Path) -> None:
    """`--with-feedback` reports the numbers of accepted samples and negatives."""
    cli = Cli(standing_server, tmp_path)
    campaign = cli.start_campaign()
    cli.scan()
    cli.funnel(campaign)
    best = [s["frame"]["id"] for s in cli.json("samples", "list", campaign, "--limit", "3")]
    cli.run("samples", "accept", campaign, best[0])
    cli.run("samples", "discard", campaign, *best[1:])
    committed = cli.json("campaigns", "commit", campaign, "--with-feedback")
    shown, plain = (
        cli.run("campaigns", "versions", campaign),
        cli.json("campaigns", "commit", campaign),
    )

    assert (41, 1, 2) == tuple(
        committed[f"{name}_count"] for name in ("element", "accepted", "negative")
    )
    assert ("accepted" in shown, "negatives" in shown) == (True, True)
    assert (40, 0, 0) == tuple(
        plain[f"{name}_count"] for name in ("element", "accepted", "negative")
    )


def test_without_ingest_plain_commits_go_on(tmp_path: Path) -> None:
    """Without ingest a commit with feedback is UNAVAILABLE; once ingest is back it succeeds."""
    with (
        cluster.running(tmp_path / "server") as server,
        Team(server, tmp_path / "models") as team,
    ):
        team.create_project("p")
        team.start("vans", axis=0)
        vans = collect(team, "v1", "v2")
        team.samples.accept(vans, ["v1"])
        server.processes["ingest-0"].kill()

        with pytest.raises(errors.Unavailable, match="ingest"):
            team.campaigns.commit(vans, with_feedback=True)
        plain = team.campaigns.commit(vans)
        server.start()
        with_feedback = team.campaigns.commit(vans, with_feedback=True)
        assert [(5, 0, 0), (6, 1, 0)] == list(map(counts, (plain, with_feedback)))
        assert (2, 3) == (plain.number, with_feedback.number)
