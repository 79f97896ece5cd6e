"""Whoever knows the protos can do the main job, in any language."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from services.embedded.process import EmbeddedServer


async def test_the_protos_are_enough(sluiced: EmbeddedServer) -> None:
    """A client with grpcio alone creates an issue, starts a campaign, scores, and submits."""
    program = Path(__file__).with_name("plain_client.py")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        sluiced.target,
        sluiced.admin_key,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await asyncio.wait_for(child.communicate(), 60)
    assert 0 == child.returncode, complaints.decode()
    found = json.loads(output)
    assert [True] * 4 + [False] * 16 == found["passing"]
    assert ("7", [0, 1, 2, 3]) == (found["batch_id"], found["explained"])
    assert {"hard0", "hard1", "hard2"} == {n["frame_id"] for n in found["neighbours"]}
    assert {"max_in_flight": 8, "next_seq": "1"} == found["started"]
    assert ["VERDICT_PENDING"] * 4 == found["result"]["verdicts"]["verdicts"]
    assert ("20", "4") == (found["funnel"]["seen"], found["funnel"]["matches"])
