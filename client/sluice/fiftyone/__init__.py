"""FiftyOne datasets: imports samples, and writes tags, fields and saved views back.

The package uses attributes of FiftyOne's datasets, samples and labels. It does not import
FiftyOne; tests/peers runs it on FiftyOne 1.22.1.
"""

from __future__ import annotations

from sluice.fiftyone.append import FiftyOneCounts, append_dataset
from sluice.fiftyone.fields import FAILURES, SPLIT, STATUS, SampleFields
from sluice.fiftyone.write_back import write_back

Reading = SampleFields
"""The name of `SampleFields` in 0.1."""

__all__ = [
    "FAILURES",
    "SPLIT",
    "STATUS",
    "FiftyOneCounts",
    "Reading",
    "SampleFields",
    "append_dataset",
    "write_back",
]
