"""Class names that tools write in different ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice import Box2D, Frame, Label
from sluice.class_names import describe_classes, read_class_map, rename_classes, suggest_class
from sluice.errors import InvalidArgument


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Van", "van"),
        ("TRAFFIC_LIGHT", "traffic light"),
        ("traffic-light", "traffic light"),
        ("vans", ""),
        ("Bus", ""),
    ],
)
def test_names_that_differ_in_writing_are_suggested(name: str, suggestion: str) -> None:
    """Case, spaces, hyphens and underscores make no class; two that may be meant are not one."""
    assert suggestion == suggest_class(name, ["van", "traffic light", "bus", "BUS"])


def test_the_most_frequent_classes_are_described() -> None:
    """With counts and suggestions; a long list ends with the number of others."""
    counts = {"Van": 40, "tree": 3, **{f"c{index}": 1 for index in range(5)}}

    described = describe_classes(counts, ["van"])

    expected = "'Van' (40; did you mean 'van'?), 'tree' (3), 'c0' (1), 'c1' (1), 'c2' (1)"
    assert f"{expected} and 2 others" == described


@pytest.mark.parametrize(
    ("name", "content"),
    [("map.json", '\ufeff{"Van": "van", "a=b": "c"}'), ("map.txt", "# ours\nVan = van\n\nx=c")],
)
def test_a_class_map_is_read_from_pairs_and_files(tmp_path: Path, name: str, content: str) -> None:
    """A JSON object may have any names; in lines and pairs the first = separates."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")

    class_map = read_class_map(["Tram=tram", str(path), "Van=van"])

    other = "a=b" if name.endswith("json") else "x"
    assert {"Tram": "tram", "Van": "van", other: "c"} == class_map


@pytest.mark.parametrize(
    ("entries", "content", "message"),
    [
        (["Van"], "", "class_map: 'Van' is neither a file nor OLD=NEW"),
        (["=van"], "", "'=van': '' to 'van'; expected two class names"),
        (["Van="], "", "'Van=': 'Van' to ''; expected two class names"),
        (["Van=van", "Van=bus"], "", "'Van=bus': 'Van' is already mapped to 'van'"),
        ([], "Van=van\ntram", "map line 2: 'tram' is not OLD=NEW"),
        ([], '{"Van": 1}', "map: 'Van': 'Van' to 1; expected two class names"),
        ([], '{"Van"', "map is not JSON: "),
    ],
)
def test_a_malformed_class_map_is_named(
    tmp_path: Path, entries: list[str], content: str, message: str
) -> None:
    """The error has the pair, or the file and its line."""
    path = tmp_path / "map"
    path.write_text(content)

    with pytest.raises(InvalidArgument) as error:
        read_class_map([*entries, *([str(path)] if content else [])])

    assert message in error.value.message.replace(f"{tmp_path}/", "")


def test_labels_get_the_new_names() -> None:
    """Classes that are not in the map keep their names."""
    labels = tuple(
        Label(id=name, class_name=name, shape=Box2D(0, 0, 1, 1)) for name in ("Van", "bus")
    )

    [frame] = rename_classes([Frame(id="f", labels=labels)], {"Van": "van"})

    assert [("Van", "van"), ("bus", "bus")] == [(x.id, x.class_name) for x in frame.labels]
