"""Projects, issues, campaigns, samples, and a doctor: one method a call, pages turned on the way.

Everything is known by its resource name, such as `projects/p/campaigns/c`.
"""

from sluice.resources.campaigns import Campaigns
from sluice.resources.doctor import Doctor
from sluice.resources.issues import Issues
from sluice.resources.projects import Projects
from sluice.resources.samples import Samples

__all__ = ["Campaigns", "Doctor", "Issues", "Projects", "Samples"]
