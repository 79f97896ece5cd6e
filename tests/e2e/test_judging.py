"""Golden sets and progress, through the client and the command, in each deployment form."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluice import Box2D, Frame, Label, SensorData, errors
from sluice.cli.exit_codes import ExitCode
from sluice.formats.coco import read_coco
from sluice.resources import golden_sets
from sluice.v1 import golden_set_pb2, progress_pb2
from tests.e2e.cli import Cli, write_coco
from tests.e2e.sluiced import Server
from tests.e2e.team import Team

IMAGES, SAMPLES = 40, 1_000
STREET = "projects/night-fleet/datasets/street"
KEY: dict[str, Any] = {"schema_version": "1", "annotator": "acme", "guideline_version": "2"}


@pytest.fixture
def team(server: Server, tmp_path: Path) -> Iterator[Team]:
    """A project with a dataset `d` of vans."""
    with Team(server, tmp_path / "models") as team:
        team.create_project("p")
        yield team


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files; there is a project with a dataset `street` of vans."""
    cli = Cli(server, tmp_path)
    cli.run("projects", "create", "night-fleet")
    project = ("-p", "night-fleet")
    cli.run("datasets", "create", *project, "street", "--task", "box_2d", "--class", "van")
    return cli


def frames(*counts: int, sensor_id: str = "cam") -> list[Frame]:
    """Frames f0, f1, … with these numbers of vans."""
    sensor = SensorData(sensor_id=sensor_id, url="u", width=2_000, height=100)
    return [
        Frame(
            id=f"f{index}",
            sensors=(sensor,),
            labels=tuple(
                van(f"{index}-{number}", 30 * number, sensor_id) for number in range(count)
            ),
        )
        for index, count in enumerate(counts)
    ]


def van(label_id: str, left: float, sensor_id: str) -> Label:
    """A van of 20 × 20 pixels."""
    return Label(id=label_id, class_name="van", shape=Box2D(left, 0, 20, 20), sensor_id=sensor_id)


def test_a_loop_of_checks(team: Team) -> None:
    """A failed check blocks the dataset; an override or a passing check unblocks it."""
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
    overridden = team.golden_sets.override(bad.check.name, "known", decided_by="Ada")
    assert overridden == team.golden_sets.get_check(bad.check.name)
    assert not team.golden_sets.gate(dataset).blocked
    good = team.golden_sets.check(golden.name, frames(*[2] * IMAGES), round_number=2, **KEY)
    assert golden_set_pb2.GOLDEN_VERDICT_PASS == good.check.verdict
    assert [1, 2] == [check.round for check in team.golden_sets.checks(golden.name)]


def test_large_sets_go_in_many_messages(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden set is the same, in however many messages it is sent."""
    dataset, images = f"{team.project}/datasets/d", frames(*range(1, IMAGES))
    golden_set = team.golden_sets.create(dataset, "g", images)
    monkeypatch.setattr(golden_sets, "BYTES_PER_MESSAGE", 200)
    assert golden_set == team.golden_sets.create(dataset, "g", images)


def test_a_wrong_file_is_not_a_broken_call(team: Team, tmp_path: Path) -> None:
    """Errors in the annotations are raised before anything is sent."""
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
    """The metric of samples that are right with this probability."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    return {f"s{index}": float(draw.random() < share) for index in range(SAMPLES)}


def record(team: Team, dataset: str, shares: Sequence[float]) -> None:
    """Record rounds with these metrics, each with twice as many groups."""
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
    """Recorded rounds give points, a curve, stability, causes, a target and advice."""
    dataset = f"{team.project}/datasets/d"
    record(team, dataset, [0.5, 0.62, 0.71, 0.78, 0.83])
    listed = list(team.progress.rounds(dataset))
    assert [(n, 100 * 2**n) for n in range(1, 6)] == [(r.round, r.labelled_groups) for r in listed]
    assert {("first", SAMPLES, True, 20)} == {
        (*r.slices, r.sample_count, r.with_predictions, r.judged_count) for r in listed
    }
    progress = team.progress.get(dataset, target=0.97, next_groups=3_200)
    assert (5, 4, 3_200) == (
        len(progress.points),
        len(progress.changes),
        progress.curve.next_groups,
    )
    changed = sum(value for value in metric(7, 0.83).values())
    changed -= sum(value for value in metric(7, 0.78).values())
    # Samples that were right stay right: what changed is what was won.
    assert SAMPLES - changed == progress.stability.agreeing.count
    assert (0, 20) == (progress.failures.doubtful.count, progress.failures.doubtful.total)
    assert ["first"] == [part.name for part in progress.target.slices]
    assert progress_pb2.TARGET_REACH_MISSED == progress.target.overall.reach
    assert progress_pb2.RECOMMENDATION_CONTINUE == progress.advice.recommendation


def test_the_command_ends_with_the_verdict(cli: Cli) -> None:
    """Exit code 0 for a passing check, 7 for a failed one, also when it is repeated."""
    dataset = STREET
    golden = cli.json("golden-sets", "create", dataset, "vans", "golden.json")["name"]
    check = ("golden-sets", "check", golden)
    first = cli.json(*check, "round-1.json", "--round", "1", "--annotator", "acme")
    assert ("pass", True) == (first["check"]["verdict"], first["added"])
    bad = ("missed.json", "--round", "2", "--annotator", "acme")
    for _ in range(2):
        cli.run(*check, *bad, code=ExitCode.BLOCKED)
    cli.run("golden-sets", "gate", dataset, code=ExitCode.BLOCKED)
    history = cli.json("golden-sets", "history", golden)
    assert [1, 2] == [entry["round"] for entry in history]
    assert [False, True] == [entry["blocks"] for entry in history]
    assert [None, None] == [entry.get("details") for entry in history]
    cli.run("golden-sets", "override", history[1]["name"], "--reason", "known", "--by", "Ada")
    assert cli.json("golden-sets", "gate", dataset)["blocked"] is False
    shown = cli.run("golden-sets", "show", history[1]["name"])
    assert "fail, overridden" in shown
    assert "known (Ada, " in shown
    assert "class 'van' has 0 objects where the reference has 40" in shown
    assert "open: a failed golden check is overridden" in cli.run("golden-sets", "gate", dataset)
    assert cli.json(*check, *bad)["added"] is False
    write_coco(cli.folder / "missed.json", vans=1)
    stderr = cli.run(*check, *bad, code=ExitCode.REFUSED)
    assert "is already in the history, with different" in " ".join(stderr.split())


def rename(cli: Cli, file: str, class_name: str = "van", folder: str = "") -> None:
    """Let the class and the images of a COCO file have other names."""
    document = json.loads((cli.folder / file).read_text())
    document["categories"][0]["name"] = class_name
    for image in document["images"]:
        image["file_name"] = folder + image["file_name"]
    (cli.folder / f"renamed-{file}").write_text(json.dumps(document))


def test_unknown_names_never_pass(cli: Cli) -> None:
    """Classes in another case are listed and mapped; images of other names are rejected."""
    for file in ("golden.json", "round-1.json"):
        rename(cli, file, "Van")
    stderr = cli.run(
        "golden-sets", "create", STREET, "vans", "renamed-golden.json", code=ExitCode.REFUSED
    )
    assert "'Van' (40; did you mean 'van'?)" in " ".join(stderr.split())
    (cli.folder / "names.txt").write_text("Van=van\n")
    created = ("golden-sets", "create", STREET, "vans", "renamed-golden.json")
    golden = cli.json(*created, "--class-map", "names.txt")["name"]

    check = ("golden-sets", "check", golden, "renamed-round-1.json", "--annotator", "acme")
    cli.run(*check, "--round", "1", code=ExitCode.BLOCKED)
    shown = cli.run("golden-sets", "show", cli.json("golden-sets", "history", golden)[0]["name"])
    assert "40 Van (did you mean van?)" in shown
    mapped = cli.json(*check, "--round", "2", "--class-map", "Van=van")
    assert "pass" == mapped["check"]["verdict"]
    usage = cli.run(*check, "--round", "3", "--class-map", "Van", code=ExitCode.USAGE)
    assert "'Van' is neither a file nor OLD=NEW" in " ".join(usage.split())

    rename(cli, "missed.json", folder="upload\\")
    bad = ("golden-sets", "check", golden, "renamed-missed.json", "--annotator", "acme")
    stderr = " ".join(cli.run(*bad, "--round", "3", code=ExitCode.REFUSED).split())
    assert "none of the round's 40 images is in the golden set, which has '000.png'" in stderr
    assert "without folders and case 40 match" in stderr


def test_predictions_get_the_names_of_classes(cli: Cli) -> None:
    """A class in another case is refused with a suggestion, and `--class-map` renames it."""
    cli.run("datasets", "append", STREET, "golden.json", "--status", "annotated")
    round_ = cli.json("rounds", "create", STREET, "r1", "--metric-split", "validation")["name"]
    van = {"class_name": "Van", "score": 0.9, "box": [10, 10, 50, 40]}
    (cli.folder / "p.jsonl").write_text(json.dumps({"frame_id": "000.png", "predictions": [van]}))

    imported = ("rounds", "import-predictions", round_, "p.jsonl")
    stderr = cli.run(*imported, code=ExitCode.REFUSED)

    assert "class map; did you mean 'van'?" in " ".join(stderr.split())
    assert 1 == cli.json(*imported, "--class-map", "Van=van")["added"]


def test_progress_is_shown_for_people(cli: Cli) -> None:
    """`progress show` prints points, changes, signals and the recommendation."""
    dataset = STREET
    results = ("progress", "record", dataset, "results.jsonl")
    (cli.folder / "judged.jsonl").write_text('{"label": "van", "first": "van", "second": "car"}\n')
    response = cli.json(*results, "--round", "1", "--groups", "100", "--failures", "judged.jsonl")
    assert (True, ["fog"], 1) == (
        response["added"],
        response["round"]["slices"],
        response["round"]["judged_count"],
    )
    assert cli.json(*results, "--round", "2", "--groups", "200")["round"]["mean"] == 0.75
    stderr = cli.run(*results, "--round", "2", "--groups", "300", code=ExitCode.REFUSED)
    assert "is already recorded, with different content" in " ".join(stderr.split())
    shown = cli.run("progress", "show", dataset, "--target", "0.9")
    assert "0.750" in shown
    assert "+0.000" in shown
    assert "everything" in shown
    assert "no learning curve: 2 numbers of labelled groups were measured" in shown
    assert "recommended: change collection, since " in shown
    assert 2 == len(cli.json("progress", "list", dataset))


def predict_vans(cli: Cli) -> None:
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
    cli.run("views", "save", STREET, "fog", "--tag", "fog")
    round_ = cli.json("rounds", "create", STREET, "r1", "--metric-split", "validation")["name"]
    cli.run("rounds", "import-predictions", round_, "vans.jsonl")


def test_a_round_is_measured_where_it_is(cli: Cli) -> None:
    """`--from` requires no file: the server reads samples, values, slices and groups."""
    predict_vans(cli)
    arguments = ("progress", "record", STREET, "--round", "1", "--from", "r1", "--slice", "fog")
    response = cli.json(*arguments)
    assert (True, False) == (response["added"], cli.json(*arguments)["added"])
    recorded = response["round"]
    assert (20, 0.5, 40, ["fog"]) == tuple(
        recorded[key] for key in ("sample_count", "mean", "labelled_groups", "slices")
    )
    assert f"{STREET}/rounds/r1" == recorded["measured_from"]["round"]
    stderr = cli.run(*arguments, "--score-min", "0.95", code=ExitCode.REFUSED)
    assert "is already recorded, with different content" in " ".join(stderr.split())


def test_progress_is_drawn(cli: Cli) -> None:
    """The first line is the state of labelling; `--plot` writes a picture."""
    predict_vans(cli)
    cli.run("progress", "record", STREET, "--round", "1", "--from", "r1", "--groups", "30")
    shown = cli.run("progress", "show", STREET, "--target", "0.9", "--plot", "progress.png")
    assert (
        "pool of 40 groups: 40 reviewed (100%), 0 annotated (0%), 0 selected (0%), "
        "0 unlabelled (0%); 20 groups held out" == shown.splitlines()[0]
    )
    assert (cli.folder / "progress.png").read_bytes().startswith(b"\x89PNG")
    refused = ("progress", "show", STREET, "--plot", "progress.x")
    assert "is none of ." in cli.run(*refused, code=ExitCode.REFUSED)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one of a file and --from"),
        (("results.jsonl", "--from", "r1"), "exactly one of a file and --from"),
        (("results.jsonl",), "--groups is required with a file"),
        (("results.jsonl", "--groups", "1", "--slice", "fog"), "require --from"),
    ],
)
def test_samples_come_from_one_place(cli: Cli, arguments: Sequence[str], message: str) -> None:
    """Results come from a file or a round, with its own options; else it is wrong usage."""
    stderr = cli.run("progress", "record", STREET, "--round", "1", *arguments, code=ExitCode.USAGE)
    assert message in stderr
