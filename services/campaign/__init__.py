"""Projects, datasets, issues and campaigns: what to collect, and the versions it is scored with."""
