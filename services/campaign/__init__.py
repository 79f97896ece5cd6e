"""Projects, datasets, issues and campaigns with their versions."""
