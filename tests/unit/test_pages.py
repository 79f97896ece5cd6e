"""The limits and defaults that the guides state are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.campaign.elements import ELEMENTS_PER_ISSUE_MAX
from services.campaign.feedback import NEGATIVES_PER_VERSION_MAX
from services.curation.batches.records import COVERAGE_SHARE
from services.curation.golden.matching import IOU_MIN
from services.curation.selection.budget import BUDGET, BUDGET_MIN
from services.curation.selection.zcore import DRAWS, NEIGHBOURS
from services.doctor.examination import LEFTOVER_AFTER_US
from services.ingest.records import OUTCOMES_KEPT
from services.ingest.sessions import KEPT_US
from services.vectors.qdrant.server import VERSION_MIN
from sluice.client import DEFAULT_TARGET
from sluice.limits import THRESHOLD_DEFAULT
from sluice.scoring.basis import COMPONENTS_MAX
from sluice.scoring.explain import NEIGHBOURS_NAMED
from sluice.scoring.members import ELEMENTS_MIN
from sluice.session import PATIENCE_S

DOCS = Path(__file__).parents[2] / "docs"
DAYS = KEPT_US // (86_400 * 1_000_000)
TIMES = {3_600_000_000: "hour"}
WORDS = {1: "one", 2: "two", 3: "three"}

STATED = [
    ("cli.md", f"default `{DEFAULT_TARGET}`"),
    ("cli.md", f"at most {ELEMENTS_PER_ISSUE_MAX:,} elements, accepted samples included"),
    ("cli.md", f"and {NEGATIVES_PER_VERSION_MAX:,} negatives"),
    ("cli.md", f"at least {WORDS[ELEMENTS_MIN]} different elements"),
    ("cli.md", f"beyond the first {COMPONENTS_MAX} count"),
    ("cli.md", f"resumes an interrupted search, within {DAYS} days of its last batch"),
    ("cli.md", f"The server remembers a scan for {DAYS} days"),
    ("cli.md", f"at an IoU of at least {IOU_MIN}"),
    ("cli.md", f"(default {BUDGET}, at least {BUDGET_MIN})"),
    ("cli.md", f"(default {COVERAGE_SHARE:g})"),
    ("cli.md", f"`--draws` (default {DRAWS:,})"),
    ("cli.md", f"`--neighbours` (default {NEIGHBOURS:,})"),
    ("cli.md", f"within the last {TIMES[LEFTOVER_AFTER_US]}"),
    ("deploy.md", f"**Qdrant**, {'.'.join(map(str, VERSION_MIN))} or newer"),
    ("deploy.md", f"at most {OUTCOMES_KEPT}: so many responses are kept"),
    ("aquarium.md", f"else {THRESHOLD_DEFAULT} |"),
    ("aquarium.md", f"within {DAYS} days it resumes"),
    ("aquarium.md", f"up to {WORDS[int(PATIENCE_S) // 60]} minutes"),
    ("aquarium.md", f"the {WORDS[NEIGHBOURS_NAMED]} nearest elements"),
]


@pytest.mark.parametrize(("page", "statement"), STATED)
def test_a_stated_limit_is_the_one_of_the_code(page: str, statement: str) -> None:
    """A guide that states a limit, a time or a default has the value of its constant."""
    text = " ".join((DOCS / page).read_text().split())
    assert statement in text
