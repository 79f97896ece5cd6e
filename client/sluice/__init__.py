"""Sluice's client: what an edge device needs to find the frames worth labelling.

```python
client = sluice.CollectionClient("localhost:50050")
client.set_credentials(api_key=…)
client.sync_state()
client.sample_probabilities(frames, embedding_model_id="resnet50-v2")
client.save_for_collection()
```
"""

from sluice.channel import connect, connect_sync
from sluice.client import CollectionClient
from sluice.collection import BestFrame, CollectionReport
from sluice.errors import SluiceError
from sluice.explanations import Explanation, Neighbour
from sluice.frames import Frame
from sluice.labeled_frame import LabeledFrame
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
    "BestFrame",
    "Box2D",
    "Classification2D",
    "Classification3D",
    "CollectionClient",
    "CollectionReport",
    "Cuboid3D",
    "Explanation",
    "Frame",
    "Label",
    "LabeledFrame",
    "MediaType",
    "Neighbour",
    "Polygons2D",
    "Semseg2D",
    "SensorData",
    "SluiceError",
    "TaskType",
    "connect",
    "connect_sync",
]
