"""Sluice's client: finds the frames worth labelling, on an edge device or in a script.

```python
client = sluice.CollectionClient("localhost:50050")
client.set_credentials(api_key=…)
client.sync_state()
client.sample_probabilities(frames, embedding_model_id="resnet50-v2")
client.save_for_collection()
```

Names are imported on first use, so that `import sluice.scoring` loads neither grpc nor protobuf.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from sluice.missing_background import MissingBackgroundWarning
    from sluice.resources.batches import BatchSettings
    from sluice.resources.class_map import LabelClass
    from sluice.resources.datasets import NewFrame
    from sluice.resources.filters import frame_filter
    from sluice.resources.rounds import PredictedFrame, Prediction
    from sluice.sensors import MediaType, SensorData
    from sluice.tensors import Embeddings

__version__ = "0.1.0"

__all__ = [
    "BatchSettings",
    "BestFrame",
    "Box2D",
    "Classification2D",
    "Classification3D",
    "CollectionClient",
    "CollectionReport",
    "Cuboid3D",
    "Embeddings",
    "Explanation",
    "Frame",
    "Label",
    "LabelClass",
    "LabeledFrame",
    "MediaType",
    "MissingBackgroundWarning",
    "Neighbour",
    "NewFrame",
    "Polygons2D",
    "PredictedFrame",
    "Prediction",
    "Semseg2D",
    "SensorData",
    "SluiceError",
    "TaskType",
    "connect",
    "connect_sync",
    "frame_filter",
]

_MODULE_OF = {
    "BatchSettings": "sluice.resources.batches",
    "BestFrame": "sluice.collection",
    "Box2D": "sluice.labels",
    "Classification2D": "sluice.labels",
    "Classification3D": "sluice.labels",
    "CollectionClient": "sluice.client",
    "CollectionReport": "sluice.collection",
    "Cuboid3D": "sluice.labels",
    "Embeddings": "sluice.tensors",
    "Explanation": "sluice.explanations",
    "Frame": "sluice.frames",
    "Label": "sluice.labels",
    "LabelClass": "sluice.resources.class_map",
    "LabeledFrame": "sluice.labeled_frame",
    "MediaType": "sluice.sensors",
    "MissingBackgroundWarning": "sluice.missing_background",
    "Neighbour": "sluice.explanations",
    "NewFrame": "sluice.resources.datasets",
    "Polygons2D": "sluice.labels",
    "PredictedFrame": "sluice.resources.rounds",
    "Prediction": "sluice.resources.rounds",
    "Semseg2D": "sluice.labels",
    "SensorData": "sluice.sensors",
    "SluiceError": "sluice.errors",
    "TaskType": "sluice.labels",
    "connect": "sluice.channel",
    "connect_sync": "sluice.channel",
    "frame_filter": "sluice.resources.filters",
}

if not TYPE_CHECKING:  # with __getattr__ a type checker would accept any name

    def __getattr__(name: str) -> object:
        """An exported name, or a module of the package, imported on first use."""
        if module := _MODULE_OF.get(name):
            value = getattr(import_module(module), name)
        elif find_spec(f"{__name__}.{name}"):
            value = import_module(f"{__name__}.{name}")
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
