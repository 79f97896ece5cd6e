"""The script of docs/aquarium.md runs as printed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.e2e.sluiced import Server
from tests.e2e.team import NOON, Team, vector

GUIDE = Path(__file__).parents[2] / "docs" / "aquarium.md"


def items(*frame_ids: str) -> list[SimpleNamespace]:
    """A corpus as the script expects it."""
    return [
        SimpleNamespace(
            frame_id=frame_id,
            date_captured=NOON,
            location="Oslo",
            vehicle="car7",
            sensor_id="cam0",
            image_url=f"https://example.org/{frame_id}.png",
            embedding=vector(frame_id),
        )
        for frame_id in frame_ids
    ]


def test_the_script_collects(server: Server, tmp_path: Path, monkeypatch: Any) -> None:
    """The guide's script collects what the guide says."""
    monkeypatch.setenv("SLUICE_CACHE_DIR", str(tmp_path / "models"))
    with Team(server, tmp_path / "models") as team:
        team.create_project("some-project")
        team.start("vans", axis=0)
        [script] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
        variables: dict[str, Any] = {
            "TARGET": server.target,
            "API_KEY": server.admin_key,
            "my_corpus_of_data": items("v1", "v2", "x1"),
        }
        exec(compile(script, str(GUIDE), "exec"), variables)  # noqa: S102 - our own page
        assert (3, 2) == (variables["report"].seen, variables["report"].collected)
        assert 3 == team.funnel("vans").seen
        assert {"v1", "v2"} == team.collected("vans")
        sample = next(iter(team.samples.list(team.started["vans"])))
        assert "Oslo" == sample.frame.metadata["location"].text
        assert "van" == sample.frame.labels[0].class_name
