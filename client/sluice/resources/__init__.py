"""Typed access to the API: one class per resource, one method per call, listings without pages.

Resources are identified by their names, such as `projects/p/campaigns/c`.
"""

from sluice.resources.batches import Batches
from sluice.resources.campaigns import Campaigns
from sluice.resources.datasets import Datasets
from sluice.resources.doctor import Doctor
from sluice.resources.golden_sets import GoldenSets
from sluice.resources.issues import Issues
from sluice.resources.progress import Progress
from sluice.resources.projects import Projects
from sluice.resources.rounds import Rounds
from sluice.resources.samples import Samples

__all__ = [
    "Batches",
    "Campaigns",
    "Datasets",
    "Doctor",
    "GoldenSets",
    "Issues",
    "Progress",
    "Projects",
    "Rounds",
    "Samples",
]
