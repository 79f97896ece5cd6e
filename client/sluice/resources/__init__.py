"""What the API has, one class a noun and one method a call, pages turned on the way.

Everything is known by its resource name, such as `projects/p/campaigns/c`.
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
