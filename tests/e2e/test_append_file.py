"""Files that state parts of frames give the same dataset, however the parts are split."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.append_file import Placement, append_file
from sluice.formats import Columns
from sluice.frames import metadata_from_proto
from sluice.resources.enums import word_of
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import dataset_pb2, frame_pb2
from tests.e2e.sluiced import Server
from tests.e2e.team import Team

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLASSES = ("van", "tram")
NUMBER = count()
NO_PLACEMENT = Placement()

TYPES = {
    "image_url": pa.string(),
    "date_captured": pa.timestamp("us", "UTC"),
    "device": pa.string(),
    "weather": pa.string(),
    "speed": pa.int64(),
    "embedding": pa.list_(pa.float32()),
}
"""The columns of tables, and their types in Parquet."""

Box = tuple[str, int]
"""A class, and the left edge."""


@dataclass(frozen=True)
class Truth:
    """All parts of a frame: its columns, its labels if it has any, and its group's placement."""

    id: str
    columns: dict[str, Any]
    boxes: list[Box] | None
    placement: Placement


@dataclass(frozen=True)
class PartFile:
    """A file with some parts of some frames: rows by frame id; for COCO, boxes."""

    suffix: str
    placement: Placement
    rows: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Write the file; returns its path."""
        path = path.with_suffix(self.suffix)
        write = {".json": self._write_coco, ".jsonl": self._write_jsonl}
        write.get(self.suffix, self._write_parquet)(path)
        return path

    def _write_parquet(self, path: Path) -> None:
        rows = list(self.rows.values())
        names = [name for name in TYPES if any(name in row for row in rows)]
        arrays = [pa.array([row.get(name) for row in rows], TYPES[name]) for name in names]
        ids = pa.array(list(self.rows), pa.string())
        pq.write_table(pa.table([ids, *arrays], ["frame_id", *names]), path)

    def _write_jsonl(self, path: Path) -> None:
        lines = [json.dumps({"frame_id": id, **row}, default=str) for id, row in self.rows.items()]
        path.write_text("\n".join(lines))

    def _write_coco(self, path: Path) -> None:
        images = [
            {"id": n, "file_name": id, "width": 640, "height": 480}
            for n, id in enumerate(self.rows)
        ]
        labels = enumerate(self.rows.values())
        boxes = [(image, box) for image, of_image in labels for box in enumerate(of_image)]
        annotations = [
            {
                "id": number,
                "image_id": image,
                "category_id": CLASSES.index(class_name),
                "bbox": [left, 0, 9, 9],
            }
            for image, (number, (class_name, left)) in boxes
        ]
        categories = [{"id": n, "name": name} for n, name in enumerate(CLASSES)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        path.write_text(json.dumps(document))


@st.composite
def truths(draw: st.DrawFn) -> list[Truth]:
    """The frames of a dataset, each with some parts missing."""
    box = st.tuples(st.sampled_from(CLASSES), st.integers(0, 600))
    result = []
    for number in range(draw(st.integers(1, 5))):
        id = f"f{number}.jpg"
        columns = {
            "image_url": f"s3://fleet/{id}",
            "date_captured": NOON + timedelta(seconds=number),
            "device": f"truck-{number}",
            "weather": draw(st.sampled_from(["fog", "sun", ""])),
            "speed": number,
            "embedding": [number + 1.0, 1.0, -1.0],
        }
        missing = draw(st.sets(st.sampled_from(sorted(columns))))
        status = draw(st.sampled_from(["", "annotated", "reviewed"]))
        placement = Placement(status=status, split=draw(st.sampled_from(["", "train", "test"])))
        present = {name: value for name, value in columns.items() if name not in missing}
        labels = draw(st.none() | st.lists(box, max_size=3))
        result.append(Truth(id, present, labels, placement))
    return result


@st.composite
def part_files(draw: st.DrawFn, frames: list[Truth]) -> list[PartFile]:
    """Files that have every part of the frames once, in a random order and each twice.

    A file has embeddings of all of its rows or of none, and one status and split.
    """
    place = st.tuples(st.sampled_from([".parquet", ".jsonl"]), st.integers(0, 1))
    files: dict[Any, PartFile] = {}

    def row_of(frame: Truth, key: Any, placement: Placement, row: Any) -> None:
        part = files.setdefault((key, placement), PartFile(key[0], placement))
        part.rows[frame.id] = row

    for frame in frames:
        tables: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for name, value in frame.columns.items():
            tables[draw(place)][name] = value
        placed = draw(place)
        tables.setdefault(placed, {})
        for key, row in tables.items():
            placement = frame.placement if key == placed else NO_PLACEMENT
            row_of(frame, (*key, "embedding" in row), placement, row)
        if frame.boxes is not None:
            key = (".json", draw(st.integers(0, 1)))
            row_of(frame, key, draw(st.sampled_from([NO_PLACEMENT, frame.placement])), frame.boxes)
    return draw(st.permutations([*files.values()] * 2))


@pytest.fixture(scope="module")
def team(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team with a project."""
    with Team(standing_server, tmp_path_factory.mktemp("models")) as team:
        team.create_project("append")
        yield team


def append_all(team: Team, dataset: str, files: list[PartFile]) -> int:
    """Append files in their order; returns how many frames were added or changed."""
    changed = 0
    with TemporaryDirectory() as folder:
        for number, part in enumerate(files):
            embedded = any("embedding" in row for row in part.rows.values())
            counts = append_file(
                team.datasets,
                dataset,
                part.write(Path(folder) / str(number)),
                Columns(),
                model_id="m" if embedded and part.suffix != ".json" else "",
                placement=part.placement,
            )
            changed += counts.added + counts.changed
    return changed


def read_all(team: Team, dataset: str) -> dict[str, Any]:
    """All parts of the stored frames, as `expected` has them."""
    result: dict[str, Any] = {}
    for page in team.datasets.read(dataset):
        rows = Embeddings.from_proto(page.embeddings) if page.HasField("embeddings") else None
        vectors = dict(zip(rows.frame_of_row.tolist(), rows.vectors, strict=True)) if rows else {}
        for index, stored in enumerate(page.frames):
            result[stored.frame.id] = describe(stored, vectors.get(index))
    return result


def describe(stored: pb.DatasetFrame, embedding: Any) -> dict[str, Any]:
    """The parts of a stored frame; numbers of embeddings rounded."""
    frame = stored.frame
    captured = frame.capture_time.ToDatetime(UTC) if frame.HasField("capture_time") else None
    return {
        "media": [(media.url, media.width, media.height) for media in frame.sensors],
        "date_captured": captured,
        "device": frame.device,
        "fields": metadata_from_proto(stored.fields, "fields"),
        "embedding": None if embedding is None else _round(embedding),
        "labels": [(label.id, label.class_name, label.box_2d.left) for label in frame.labels],
        "labelled": stored.labelled,
        "status": word_of(pb.AnnotationStatus, "ANNOTATION_STATUS_", stored.status),
        "split": word_of(pb.Split, "SPLIT_", stored.split),
    }


def expect(truth: Truth) -> dict[str, Any]:
    """The parts that a frame must have, whatever files they came from."""
    columns, boxes = truth.columns, truth.boxes
    size = (0, 0) if boxes is None else (640, 480)
    url = columns.get("image_url", "" if boxes is None else truth.id)
    row = columns.get("embedding")
    return {
        "media": [(url, *size)] if url else [],
        "date_captured": columns.get("date_captured"),
        "device": columns.get("device", ""),
        "fields": {name: columns[name] for name in ("weather", "speed") if name in columns},
        "embedding": row and _round(normalise(np.array([row], np.float32))[0]),
        "labels": [
            (f"{truth.id}#{number}", class_name, left)
            for number, (class_name, left) in enumerate(boxes or [])
        ],
        "labelled": boxes is not None,
        "status": truth.placement.status or "unlabelled",
        "split": truth.placement.split,
    }


def _round(embedding: Any) -> list[float]:
    return [round(float(value), 4) for value in embedding]


@settings(max_examples=20)
@given(data=st.data(), frames=truths())
def test_parts_make_one_dataset_in_any_order(
    team: Team, data: st.DataObject, frames: list[Truth]
) -> None:
    """Parts split over files at random, in random order and twice, are always the same dataset.

    Appended once more they change nothing, and the doctor finds nothing.
    """
    files = data.draw(part_files(frames))
    classes = [dataset_pb2.LabelClass(id=n, name=name) for n, name in enumerate(CLASSES)]
    name = f"d{next(NUMBER)}"
    team.projects.create_dataset(
        team.project,
        name,
        dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_BOX_2D, classes=classes),
    )
    dataset = f"{team.project}/datasets/{name}"
    append_all(team, dataset, files)

    assert {frame.id: expect(frame) for frame in frames} == read_all(team, dataset)
    assert 0 == append_all(team, dataset, files)
    events = team.doctor.diagnose(team.project)
    assert [] == [event for event in events if event.HasField("finding")]
