"""Sluice's client: what an edge device needs to find the frames worth labelling.

```python
frame = sluice.Frame(id="car7/000123", capture_time=datetime.now(UTC), device="car7")
async with sluice.connect("localhost:50050", api_key) as channel:
    scorer = scorer_pb2_grpc.ScorerServiceStub(channel)
```
"""

from sluice.channel import connect
from sluice.errors import SluiceError
from sluice.explanations import Explanation, Neighbour
from sluice.frames import Frame
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
    TaskType,
)
from sluice.sensors import MediaType, SensorData

__version__ = "0.1.0"

__all__ = [
    "Box2D",
    "Classification2D",
    "Classification3D",
    "Cuboid3D",
    "Explanation",
    "Frame",
    "Label",
    "MediaType",
    "Neighbour",
    "Polygons2D",
    "Semseg2D",
    "SensorData",
    "SluiceError",
    "TaskType",
    "connect",
]
