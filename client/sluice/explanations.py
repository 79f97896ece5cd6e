"""Why a frame has its score, as people and programs read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sluice.v1 import scorer_pb2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An element near the frame; `similarity` is the cosine in the basis, -1 to 1."""

    frame_id: str
    label_id: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What of the issue a frame is like, and by how much it passed.

    `label_id` is the crop that has the score, "" for the frame itself. The nearest cluster of
    elements comes with its size, the distance to its centre and the radius that holds nine of ten
    of its elements; then the nearest elements, nearest first. `runner_up` is the campaign that the
    frame is next most like, of those scored together, "" if there is none.
    """

    label_id: str
    cluster: int
    cluster_size: int
    distance: float
    radius: float
    neighbours: tuple[Neighbour, ...]
    margin_to_threshold: float
    runner_up: str = ""
    margin_to_runner_up: float = 0.0

    def to_proto(self) -> scorer_pb2.Explanation:
        """The message that says the same."""
        return scorer_pb2.Explanation(**asdict(self))

    @classmethod
    def from_proto(cls, message: scorer_pb2.Explanation) -> Explanation:
        """The explanation that a message holds."""
        return cls(
            label_id=message.label_id,
            cluster=message.cluster,
            cluster_size=message.cluster_size,
            distance=message.distance,
            radius=message.radius,
            neighbours=tuple(
                Neighbour(n.frame_id, n.label_id, n.similarity) for n in message.neighbours
            ),
            margin_to_threshold=message.margin_to_threshold,
            runner_up=message.runner_up,
            margin_to_runner_up=message.margin_to_runner_up,
        )
