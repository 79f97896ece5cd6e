"""Hypothesis strategies for frames and their parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from hypothesis import strategies as st

from sluice.frames import Frame
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
)
from sluice.sensors import MediaType, SensorData

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
numbers = st.floats(-1e6, 1e6)
sizes = st.floats(1e-3, 1e6)
times = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis wants the bounds without zones
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
zoned = st.builds(
    lambda time, minutes: time.astimezone(timezone(timedelta(minutes=minutes))),
    times,
    st.integers(-720, 720),
)


def _normalise(components: list[float]) -> tuple[float, ...]:
    vector = np.add(components, [0, 0, 0, 10])
    return tuple((vector / np.linalg.norm(vector)).tolist())


shapes = st.one_of(
    st.just(Classification2D()),
    st.builds(Classification3D, ids),
    st.builds(Box2D, numbers, numbers, sizes, sizes),
    st.builds(
        Cuboid3D,
        st.tuples(numbers, numbers, numbers),
        st.tuples(sizes, sizes, sizes),
        st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(_normalise),
        st.just(""),
    ),
    st.builds(Semseg2D, ids),
    st.builds(
        Polygons2D,
        st.lists(
            st.lists(st.tuples(numbers, numbers), min_size=3, max_size=5).map(tuple),
            min_size=1,
            max_size=2,
        ).map(tuple),
        st.none() | st.tuples(numbers, numbers),
    ),
)
sensors = st.builds(
    SensorData,
    sensor_id=ids,
    url=ids,
    media_type=st.sampled_from(MediaType),
    capture_time=st.none() | times,
    width=st.integers(0, 2**32 - 1),
    # Unknown, so that any box fits.
    height=st.just(0),
)
crowdable = shapes.filter(lambda shape: isinstance(shape, Box2D | Polygons2D))
labels = st.one_of(
    st.builds(Label, id=ids, class_name=ids, sensor_id=ids, shape=shapes),
    st.builds(Label, id=ids, class_name=ids, sensor_id=ids, shape=crowdable, crowd=st.just(True)),
)
values = st.one_of(
    ids,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
frames = st.builds(
    Frame,
    id=ids,
    capture_time=st.none() | times,
    device=st.just("") | ids,
    sensors=st.lists(sensors, max_size=3, unique_by=lambda s: s.sensor_id).map(tuple),
    labels=st.lists(labels, max_size=3, unique_by=lambda label: label.id).map(tuple),
    metadata=st.dictionaries(ids, values, max_size=4),
)
