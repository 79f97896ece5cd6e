"""The doctor's scene, on embedded and on cluster stores."""

from __future__ import annotations

from tests.unit.curation.doctor.conftest import redis_server, scene

__all__ = ["redis_server", "scene"]
