"""Golden QA and progress as people and scripts use them, against the services in each form."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sluice import Box2D, Frame, Label, SensorData, errors
from sluice.cli.exits import Exit
from sluice.formats.coco import read_coco
from sluice.resources import golden_sets
from sluice.v1 import golden_set_pb2, progress_pb2
from tests.e2e.cli import Cli, write_coco
from tests.e2e.sluiced import Server
from tests.e2e.team import Team

IMAGES, SAMPLES = 40, 1_000
STREET = "projects/night-fleet/datasets/street"
KEY = {"schema_version": "1", "annotator": "acme", "guideline_version": "2"}


@pytest.fixture
def team(server: Server, tmp_path: Path) -> Iterator[Team]:
    """A project with a dataset `d` of vans."""
    with Team(server, tmp_path / "models") as found:
        found.create_project("p")
        yield found


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files; there is a project with a dataset `street` of vans."""
    found = Cli(server, tmp_path)
    found.run("projects", "create", "night-fleet")
    project = ("-p", "night-fleet")
    found.run("datasets", "create", *project, "street", "--task", "box_2d", "--class", "van")
    return found


def frames(*counts: int, sensor_id: str = "cam") -> list[Frame]:
    """Frames f0, f1 and so on with so many vans each."""
    sensor = SensorData(sensor_id=sensor_id, url="u", width=2_000, height=100)
    return [
        Frame(
            id=f"f{index}",
            sensors=(sensor,),
            labels=tuple(van(f"{index}-{each}", 30 * each, sensor_id) for each in range(count)),
        )
        for index, count in enumerate(counts)
    ]


def van(label_id: str, left: float, sensor_id: str) -> Label:
    """A van of 20 × 20 pixels."""
    return Label(id=label_id, class_name="van", shape=Box2D(left, 0, 20, 20), sensor_id=sensor_id)


def test_a_loop_of_checks(team: Team) -> None:
    """A set is frozen, a bad round blocks, an override or a good one opens again."""
    dataset = f"{team.project}/datasets/d"
    golden = team.golden_sets.create(dataset, "g", frames(*[2] * IMAGES), display_name="Vans")
    assert (IMAGES, 2 * IMAGES, "Vans") == (
        golden.image_count,
        golden.label_count,
        golden.display_name,
    )
    assert golden == team.golden_sets.get(golden.name)
    assert [golden] == list(team.golden_sets.list(dataset))
    with pytest.raises(errors.AlreadyExists):
        team.golden_sets.create(dataset, "g", frames(*[1] * IMAGES), display_name="Vans")

    bad = team.golden_sets.check(golden.name, frames(*[1] * IMAGES), round_number=1, **KEY)
    assert (True, golden_set_pb2.GOLDEN_VERDICT_FAIL) == (bad.added, bad.check.verdict)
    assert team.golden_sets.gate(dataset).blocked
    done = team.golden_sets.override(bad.check.name, "known", decided_by="Ada")
    assert done == team.golden_sets.get_check(bad.check.name)
    assert not team.golden_sets.gate(dataset).blocked
    good = team.golden_sets.check(golden.name, frames(*[2] * IMAGES), round_number=2, **KEY)
    assert golden_set_pb2.GOLDEN_VERDICT_PASS == good.check.verdict
    assert [1, 2] == [check.round for check in team.golden_sets.checks(golden.name)]


def test_large_sets_go_in_many_messages(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many messages a set needs changes nothing of it."""
    dataset, found = f"{team.project}/datasets/d", frames(*range(1, IMAGES))
    whole = team.golden_sets.create(dataset, "g", found)
    monkeypatch.setattr(golden_sets, "BYTES_PER_MESSAGE", 200)
    assert whole == team.golden_sets.create(dataset, "g", found)


def test_a_wrong_file_is_not_a_broken_call(team: Team, tmp_path: Path) -> None:
    """What is wrong with the annotations is said as it is, before anything is sent."""
    (tmp_path / "x.json").write_text('{"images": [], "annotations": []}')
    dataset = f"{team.project}/datasets/d"
    with pytest.raises(errors.InvalidArgument, match="has no array 'categories'"):
        team.golden_sets.create(dataset, "g", read_coco(tmp_path / "x.json"))
    [left], [right] = frames(1, sensor_id="left"), frames(1, sensor_id="right")
    label = Label(id="r", class_name="van", shape=Box2D(0, 0, 1, 1), sensor_id="right")
    both = Frame(id="f", sensors=left.sensors + right.sensors, labels=(*left.labels, label))
    with pytest.raises(errors.InvalidArgument, match="frame 'f' has labels of left, right"):
        team.golden_sets.create(dataset, "g", [both])
    assert 1 == team.golden_sets.create(dataset, "g", [both], sensor_id="left").label_count


def metric(seed: int, share: float) -> dict[str, float]:
    """A metric of samples that are right with that probability."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    return {f"s{index}": float(draw.random() < share) for index in range(SAMPLES)}


def record(team: Team, dataset: str, shares: Sequence[float]) -> None:
    """Record rounds with those metrics, of twice as many groups each."""
    for number, share in enumerate(shares, 1):
        values = metric(7, share)
        team.progress.record(
            dataset,
            number,
            values,
            labelled_groups=100 * 2**number,
            predictions={s: "van" if value else "" for s, value in reversed(values.items())},
            slices={"first": [f"s{index}" for index in range(100)]},
            failures=[("van", "van", "van")] * 20,
        )


def test_rounds_become_advice(team: Team) -> None:
    """Recorded rounds are read as a history with curve, stability, causes, target and advice."""
    dataset = f"{team.project}/datasets/d"
    record(team, dataset, [0.5, 0.62, 0.71, 0.78, 0.83])
    listed = list(team.progress.rounds(dataset))
    assert [(n, 100 * 2**n) for n in range(1, 6)] == [(r.round, r.labelled_groups) for r in listed]
    assert {("first", SAMPLES, True, 20)} == {
        (*r.slices, r.sample_count, r.with_predictions, r.judged_count) for r in listed
    }
    found = team.progress.get(dataset, target=0.97, next_groups=3_200)
    assert (5, 4, 3_200) == (len(found.points), len(found.changes), found.curve.next_groups)
    changed = sum(value for value in metric(7, 0.83).values())
    changed -= sum(value for value in metric(7, 0.78).values())
    # Samples that were right stay right: what changed is what was won.
    assert SAMPLES - changed == found.stability.agreeing.count
    assert (0, 20) == (found.failures.doubtful.count, found.failures.doubtful.total)
    assert ["first"] == [part.name for part in found.target.slices]
    assert progress_pb2.TARGET_REACH_MISSED == found.target.overall.reach
    assert progress_pb2.RECOMMENDATION_CONTINUE == found.advice.recommendation


def test_the_command_ends_with_the_verdict(cli: Cli) -> None:
    """0 for a round that may go on, 7 for one that is blocked, also the second time."""
    dataset = STREET
    golden = cli.json("golden", "create", dataset, "vans", "golden.json")["name"]
    check = ("golden", "check", golden)
    first = cli.json(*check, "round-1.json", "--round", "1", "--annotator", "acme")
    assert ("GOLDEN_VERDICT_PASS", True) == (first["check"]["verdict"], first["added"])
    bad = ("missed.json", "--round", "2", "--annotator", "acme")
    for _ in range(2):
        cli.run(*check, *bad, code=Exit.BLOCKED)
    cli.run("golden", "gate", dataset, code=Exit.BLOCKED)
    history = cli.json("golden", "history", golden)
    assert [1, 2] == [entry["round"] for entry in history]
    assert [False, True] == [entry["blocks"] for entry in history]
    assert [None, None] == [entry.get("details") for entry in history]
    cli.run("golden", "override", history[1]["name"], "--reason", "known", "--by", "Ada")
    assert cli.json("golden", "gate", dataset)["blocked"] is False
    shown = cli.run("golden", "show", history[1]["name"])
    assert "fail, overridden" in shown
    assert "known (Ada, " in shown
    assert "class 'van' has 0 objects where the reference has 40" in shown
    assert "open: a failed golden check is overridden" in cli.run("golden", "gate", dataset)
    assert cli.json(*check, *bad)["added"] is False
    write_coco(cli.folder / "missed.json", vans=1)
    said = cli.run(*check, *bad, code=Exit.REFUSED)
    assert "is in the history already, with other annotations" in " ".join(said.split())


def test_progress_is_shown_for_people(cli: Cli) -> None:
    """Tables of points, changes and signals, and the recommendation in words."""
    dataset = STREET
    results = ("progress", "record", dataset, "results.jsonl")
    (cli.folder / "judged.jsonl").write_text('{"label": "van", "first": "van", "second": "car"}\n')
    made = cli.json(*results, "--round", "1", "--groups", "100", "--failures", "judged.jsonl")
    assert (True, ["fog"], 1) == (
        made["added"],
        made["round"]["slices"],
        made["round"]["judged_count"],
    )
    assert cli.json(*results, "--round", "2", "--groups", "200")["round"]["mean"] == 0.75
    said = cli.run(*results, "--round", "2", "--groups", "300", code=Exit.REFUSED)
    assert "is already recorded, with different content" in " ".join(said.split())
    shown = cli.run("progress", "show", dataset, "--target", "0.9")
    assert "0.750" in shown
    assert "+0.000" in shown
    assert "everything" in shown
    assert "no learning curve: 2 numbers of labelled groups were measured" in shown
    assert "recommended: change collection, since " in shown
    assert 2 == len(cli.json("progress", "list", dataset))


def measured(cli: Cli) -> None:
    """Annotate 20 frames, half of them with nothing in them, and predict a van in each."""
    document = json.loads((cli.folder / "golden.json").read_text())
    document["images"] = document["images"][:20]
    document["annotations"] = document["annotations"][:10]
    (cli.folder / "frames.json").write_text(json.dumps(document))
    box = {"class_name": "van", "score": 0.9}
    lines = [
        {"frame_id": f"{i:03}.png", "predictions": [box | {"box": [10 + i, 10, 50, 40]}]}
        for i in range(20)
    ]
    (cli.folder / "vans.jsonl").write_text("\n".join(map(json.dumps, lines)))
    split = ("--status", "annotated", "--split", "validation")
    cli.run("datasets", "append", STREET, "frames.json", *split)
    cli.run("datasets", "append", STREET, "hard.npz", "--model-id", "m", "--status", "reviewed")
    cli.run("datasets", "tag", STREET, "000.png", "019.png", "--add", "fog")
    cli.run("datasets", "save-view", STREET, "fog", "--tag", "fog")
    round_ = cli.json("datasets", "round", STREET, "r1", "--metric-split", "validation")["name"]
    cli.run("datasets", "predictions", round_, "vans.jsonl")


def test_a_round_is_measured_where_it_is(cli: Cli) -> None:
    """No file is needed: samples, values, slices and groups are read by the server."""
    measured(cli)
    wanted = ("progress", "record", STREET, "--round", "1", "--from", "r1", "--slice", "fog")
    made = cli.json(*wanted)
    assert (True, False) == (made["added"], cli.json(*wanted)["added"])
    found = made["round"]
    assert (20, 0.5, 40, ["fog"]) == tuple(
        found[key] for key in ("sample_count", "mean", "labelled_groups", "slices")
    )
    assert f"{STREET}/rounds/r1" == found["measured_from"]["round"]
    said = cli.run(*wanted, "--score-min", "0.95", code=Exit.REFUSED)
    assert "is already recorded, with different content" in " ".join(said.split())


def test_progress_is_drawn(cli: Cli) -> None:
    """How far labelling is stands first; the picture is a file of its own."""
    measured(cli)
    cli.run("progress", "record", STREET, "--round", "1", "--from", "r1", "--groups", "30")
    shown = cli.run("progress", "show", STREET, "--target", "0.9", "--plot", "progress.png")
    assert (
        "pool of 40 groups: 40 reviewed (100%), 0 annotated (0%), 0 selected (0%), "
        "0 unlabelled (0%); 20 groups held out" == shown.splitlines()[0]
    )
    assert (cli.folder / "progress.png").read_bytes().startswith(b"\x89PNG")
    refused = ("progress", "show", STREET, "--plot", "progress.x")
    assert "is none of ." in cli.run(*refused, code=Exit.REFUSED)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "exactly one of a file and --from"),
        (("results.jsonl", "--from", "r1"), "exactly one of a file and --from"),
        (("results.jsonl",), "--groups is needed with a file"),
        (("results.jsonl", "--groups", "1", "--slice", "fog"), "are for --from"),
    ],
)
def test_samples_come_from_one_place(cli: Cli, arguments: Sequence[str], said: str) -> None:
    """A file or a round, and what belongs to it; all else is wrong usage."""
    complaint = cli.run("progress", "record", STREET, "--round", "1", *arguments, code=Exit.USAGE)
    assert said in complaint
