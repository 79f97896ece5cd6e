"""Long, interrupted and repeated runs of the collection client, and several projects."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sluice import CollectionClient, LabeledFrame, channel, errors
from tests.e2e.sluiced import Server
from tests.e2e.team import NOON, Team, frames, vector

SESSION = "0b5e7c52-3d0c-4f5e-9d4e-6f1f3f1a2b3c"
MANY = 256 * 12
"""Frames of twelve batches, more than may be in flight at once."""


def many_frames() -> list[LabeledFrame]:
    """Frames of which every hundredth is like the issue `vans`."""
    rows = np.random.default_rng(5).normal(size=(MANY, 64)).astype("f4")
    ids = [f"{'v' if index % 100 == 0 else 'x'}{index}" for index in range(MANY)]
    return [
        LabeledFrame(i, NOON, embedding=vector(i) if i.startswith("v") else row)
        for i, row in zip(ids, rows, strict=True)
    ]


def check_exact(team: Team) -> None:
    """Check that every frame was counted once, and every match stored once."""
    funnel = team.funnel("vans")
    members = {f"v{index}" for index in range(0, MANY, 100)}
    assert (MANY, 0, len(members)) == (funnel.seen, funnel.duplicate, funnel.matches)
    assert members == team.collected("vans")


@pytest.mark.parametrize("moment", [1, 6, 11])
def test_a_server_killed_in_the_middle_of_a_save(
    team: Team, server: Server, tmp_path: Path, moment: int
) -> None:
    """A save survives a kill of the server with batches in flight; counts are exact."""
    killed = []

    def kill(what: str, done: int, total: int) -> None:
        if (what, done) == ("batches sent", moment):
            killed.append(total)
            server.kill()
            server.start()

    with Team(server, tmp_path / "models", on_progress=kill) as client:
        client.sync_state()
        client.sample_probabilities(many_frames())
        report = client.save_for_collection()
    assert [12] == killed
    assert MANY == report.seen
    assert Counter({(team.started["vans"], "pending"): 31}) == report.verdicts
    check_exact(team)


def test_a_script_broken_off_and_run_again(team: Team, server: Server, tmp_path: Path) -> None:
    """A second run with the same session id sends only what the first did not."""

    def break_off(what: str, done: int, total: int) -> None:
        if (what, done) == ("batches sent", 10):
            raise KeyboardInterrupt

    with Team(server, tmp_path / "m", session_id=SESSION, on_progress=break_off) as first:
        first.sync_state()
        first.sample_probabilities(many_frames())
        with pytest.raises(KeyboardInterrupt):
            first.save_for_collection()
    with Team(server, tmp_path / "m", session_id=SESSION) as second:
        second.sync_state()
        second.sample_probabilities(many_frames())
        # Not all of the ten need have been answered, or even have arrived.
        assert 2 <= second.save_for_collection().already_counted <= 10
    check_exact(team)


def test_credentials_set_again_go_on(team: Team, server: Server) -> None:
    """After a reconnect, new batches are not mistaken for earlier ones."""
    team.sync_state()
    for frame_ids in (["v1", "x1"], ["v2"], ["x2", "x3", "v3"]):
        team.set_credentials(api_key=server.admin_key)
        team.sample_probabilities(frames(*frame_ids))
        assert 0 == team.save_for_collection().already_counted
    assert (6, {"v1", "v2", "v3"}) == (team.funnel("vans").seen, team.collected("vans"))


def test_projects_are_counted_each_for_itself(team: Team, server: Server, tmp_path: Path) -> None:
    """A frame sampled for two projects is scored, seen and collected in both."""
    with Team(server, tmp_path / "models") as other:
        other.create_project("q")
        other.start("vans", axis=0)
        team.sync_state()
        [probabilities] = team.sample_probabilities(frames("v1"))
        assert {*team.started.values(), *other.started.values()} == {*probabilities}
        team.sample_probabilities(frames("x1", "x2"))
        report = team.save_for_collection()
        # Two frames that pass: v1 in p, and v1 in q.
        assert (6, 2) == (report.seen, report.collected)
        team.sync_state(target_project_names=["q"])
        team.sample_probabilities(frames("v2"))
        team.save_for_collection()
        assert (3, {"v1"}) == (team.funnel("vans").seen, team.collected("vans"))
        assert (4, {"v1", "v2"}) == (other.funnel("vans").seen, other.collected("vans"))


def test_a_second_sync_takes_one_round_trip_for_each_project(
    team: Team, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second sync requests nothing that is cached."""
    with Team(server, tmp_path / "models") as other:
        other.create_project("q")
        other.start("trams", axis=1)
    called: list[str] = []

    class RecordingInterceptor(channel._SyncKeyInterceptor):  # noqa: SLF001 - where every call passes
        def _add(self, details: Any) -> Any:
            called.append(details.method.rsplit("/", 1)[-1])
            return super()._add(details)

    monkeypatch.setattr(channel, "_SyncKeyInterceptor", RecordingInterceptor)
    with Team(server, tmp_path / "fresh") as client:
        client.sync_state()
        # The projects have the same background and the same trams: two models, one basis.
        expected = {"ListProjects": 1, "WatchActiveVersions": 2, "GetScoringModel": 3}
        assert expected == Counter(called)
        called.clear()
        client.sync_state()
        assert ["WatchActiveVersions"] * 2 == called


def test_progress_is_reported(team: Team, server: Server, tmp_path: Path) -> None:
    """Long calls report what they count, how many are done, and the total."""
    reports: list[tuple[str, int, int]] = []
    with Team(server, tmp_path / "fresh", on_progress=lambda *what: reports.append(what)) as client:
        client.sync_state()
        client.sample_probabilities([*many_frames(), *frames(*(f"x-{i}" for i in range(2_000)))])
        client.save_for_collection()
    models = [("models", done, 3) for done in range(4)]
    scored = [("frames scored", done, 5_072) for done in (4_096, 5_072)]
    sent = [("batches sent", done, 20) for done in range(1, 21)]
    assert [*models, *scored, *sent] == reports


def test_a_refused_connection_is_unavailable(tmp_path: Path) -> None:
    """A refused connection raises Unavailable."""
    with CollectionClient("127.0.0.1:1", cache_dir=tmp_path) as client:
        client.set_credentials(api_key="slc_a_b")
        with pytest.raises(errors.Unavailable):
            client.sync_state()
