"""Projects, datasets, issues, campaigns, samples and more: one method a call, pages turned for you.

Everything is known by its resource name, such as `projects/p/campaigns/c`.
"""

from sluice.resources.batches import Batches
from sluice.resources.campaigns import Campaigns
from sluice.resources.datasets import Datasets
from sluice.resources.doctor import Doctor
from sluice.resources.issues import Issues
from sluice.resources.projects import Projects
from sluice.resources.rounds import Rounds
from sluice.resources.samples import Samples

__all__ = ["Batches", "Campaigns", "Datasets", "Doctor", "Issues", "Projects", "Rounds", "Samples"]
