"""Reviews from files and by score, budgets, removed elements, and fields, with previews."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from sluice.cli.exit_codes import ExitCode
from tests.e2e import sluiced
from tests.e2e.cli import COMMAND, Cli


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command, on a campaign with samples."""
    folder = tmp_path_factory.mktemp("reviews")
    with sluiced.running(folder / "server") as server:
        cli = Cli(server, folder)
        cli.create_resources()
        cli.funnel("Eights")
        yield cli


def samples_in(cli: Cli, state: str) -> dict[str, float]:
    """The scores of the samples in a state, by frame id."""
    listed = cli.json("samples", "list", "Eights", "--state", state, "--limit", "1000")
    return {sample["frame"]["id"]: sample["score"] for sample in listed}


@pytest.fixture
def unsorted(cli: Cli) -> dict[str, float]:
    """All samples, none of them reviewed, with their scores."""
    reviewed = [*samples_in(cli, "accepted"), *samples_in(cli, "discarded")]
    if reviewed:
        cli.run("samples", "restore", "Eights", *reviewed)
    return samples_in(cli, "unsorted")


def test_samples_are_accepted_by_score(cli: Cli, unsorted: dict[str, float]) -> None:
    """A preview changes nothing; then unsorted samples with the score are accepted."""
    best, second, *_ = unsorted
    cli.run("samples", "discard", "Eights", best)
    expected = {id for id, score in unsorted.items() if score >= 0.6} - {best}
    scores = [unsorted[id] for id in expected]
    arguments = ("samples", "accept", "Eights", "--min-score", "0.6")
    assert (
        f"{len(expected)} of {len(expected)} samples would become accepted: "
        f"{len(expected)} unsorted; scores {min(scores):.3f} to {max(scores):.3f}\n"
    ) == cli.run(*arguments, "--dry-run")
    assert {} == samples_in(cli, "accepted")
    changed = {"changed_count": len(expected)}
    assert changed | {"dry_run": True} == cli.json(*arguments, "--dry-run")
    assert changed | {"dry_run": False} == cli.json(*arguments)
    assert expected == {*samples_in(cli, "accepted")}
    assert [best] == [*samples_in(cli, "discarded")]
    lower = {id for id, score in unsorted.items() if score <= 0.6} - {best, second}
    discarded = cli.json("samples", "discard", "Eights", "--max-score", "0.6")
    assert len(lower) == discarded["changed_count"]
    every = ("--min-score", "0", "--state", "discarded", "--state", "accepted")
    again = cli.json("samples", "accept", "Eights", *every)
    assert len(lower) + 1 == again["changed_count"]


@pytest.mark.parametrize("name", ["ids.txt", "titled.csv", "stdin", "frames.jsonl"])
def test_samples_are_reviewed_from_a_file(cli: Cli, unsorted: dict[str, float], name: str) -> None:
    """Ids come from lines, with a title or without, from stdin, and from files of frames."""
    ids = list(unsorted)[:3]
    lines = {
        "ids.txt": "\ufeff" + "\n".join(ids) + "\n\n",
        "titled.csv": "\r\n".join(["frame", *ids, ids[0]]),
        "stdin": cli.run("samples", "list", "Eights", "--limit", "3", "--columns", "frame"),
        "frames.jsonl": "\n".join(f'{{"frame_id": "{id}"}}' for id in ids),
    }[name]
    if name == "stdin":
        command = ["samples", "accept", "Eights", "--from", "-", "--json"]
        output = run_with_input(cli, command, lines)
        assert '"changed_count": 3' in output
    else:
        (cli.folder / name).write_bytes(lines.encode())
        preview = cli.json("samples", "accept", "Eights", "--from", name, "--dry-run")
        assert {"changed_count": 3, "dry_run": True} == preview
        assert 3 == cli.json("samples", "accept", "Eights", "--from", name)["changed_count"]
    assert {*ids} == {*samples_in(cli, "accepted")}
    if name == "ids.txt":
        restored = cli.json("samples", "restore", "Eights", "--from", name)
        assert {"changed_count": 3, "dry_run": False} == restored


def run_with_input(cli: Cli, arguments: list[str], text: str) -> str:
    """Run a command with stdin; returns its stdout."""
    process = subprocess.run(
        [*COMMAND, *arguments],
        env=cli.env,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), ExitCode.USAGE, "exactly one is required"),
        (("a", "--min-score", "0.5"), ExitCode.USAGE, "exactly one is required"),
        (("a", "--from", "b"), ExitCode.USAGE, "exactly one is required"),
        (("a", "--state", "accepted"), ExitCode.USAGE, "--state requires"),
        (("--min-score", "2"), ExitCode.USAGE, "--min-score"),
        (("--from", "absent.txt"), ExitCode.REFUSED, "absent.txt: No such file"),
        (("--from", "empty.txt"), ExitCode.REFUSED, "empty.txt has no frame ids"),
        (("--from", "corpus.png"), ExitCode.REFUSED, "unsupported file type"),
        (("hard-8",), ExitCode.NOT_FOUND, "hard-8"),
        (("hard-8", "--dry-run"), ExitCode.NOT_FOUND, "'hard-8' is not a sample of projects/"),
    ],
)
def test_a_selection_is_checked(
    cli: Cli, arguments: tuple[str, ...], code: ExitCode, message: str
) -> None:
    """A missing, double or unknown selection is an error that says so."""
    (cli.folder / "empty.txt").write_text("frame\n\n")
    assert message in cli.run("samples", "accept", "Eights", *arguments, code=code)


def test_a_budget_is_set(cli: Cli) -> None:
    """Each limit is set and removed on its own; without options the budget is shown."""
    command = ("campaigns", "budget", "Eights")

    def budget(*options: str) -> Any:
        return cli.json(*command, *options)["budget"]

    assert budget() in (None, {"total": None, "per_day": None})
    assert {"total": 5000, "per_day": None} == budget("--total", "5000")
    assert {"total": 5000, "per_day": 200} == budget("--per-day", "200")
    assert "5,000 in total, 200 per day" in cli.run(*command)
    assert "5,000 in total, 200 per day" in cli.run("campaigns", "show", "Eights")
    assert {"total": None, "per_day": 200} == budget("--total", "none")
    budget("--per-day", "none")
    assert "no limit" in cli.run(*command)
    for text in ("-1", "many"):
        assert text in cli.run(*command, f"--total={text}", code=ExitCode.USAGE)


def test_elements_are_removed(cli: Cli) -> None:
    """A preview counts the elements; then they are gone, and an unknown one is named."""
    command = ("issues", "remove-elements", "Eights")
    first, second, *rest = [e["frame"]["id"] for e in cli.json("issues", "elements", "Eights")]
    count = len(rest) + 2
    preview = cli.run(*command, first, second, "--dry-run")
    assert f"2 of {count} elements would be removed\n" == preview
    assert {"removed_count": 2, "dry_run": False} == cli.json(*command, first, second)
    assert rest == [e["frame"]["id"] for e in cli.json("issues", "elements", "Eights")]
    error = cli.run(*command, first, code=ExitCode.NOT_FOUND)
    assert f"{first!r} has no element in projects/night-fleet/issues/" in error
    assert "see `sluice issues elements" in error
    error = cli.run(*command, rest[0], "--crop", "l1", code=ExitCode.NOT_FOUND)
    assert "'l1'" in error


def test_fields_are_set(cli: Cli) -> None:
    """Fields are set to one value, or from the columns of a file of any length, and removed."""
    command = ("datasets", "set-fields", "street")

    def fields() -> dict[str, Any]:
        frames = cli.json("datasets", "frames", "street", "--limit", "2")
        return {frame["frame"]["id"]: frame["fields"] for frame in frames}

    first, second = before = fields()
    options = (first, second, "--set", "weather=fog", "--set", "speed=3.5", "--remove", "split")
    assert {"changed_count": 2, "dry_run": True} == cli.json(*command, *options, "--dry-run")
    assert before == fields()
    assert {"changed_count": 2, "dry_run": False} == cli.json(*command, *options)
    assert {id: {"weather": "fog", "speed": 3.5} for id in before} == fields()
    by_field = cli.json("datasets", "frames", "street", "--field", "speed=3.5")
    assert 2 == len(by_field)
    total = len(cli.truth)
    assert f"2 of {total:,} frames would change\n" == cli.run(
        *command, "--from", "corpus.parquet", "--dry-run"
    )
    assert f"2 of {total:,} frames changed\n" == cli.run(*command, "--from", "corpus.parquet")
    assert "archive" == fields()[first]["split"]
    for arguments in ((), (first,), (first, "--set", "a=1", "--from", "corpus.parquet")):
        assert "--from" in cli.run(*command, *arguments, code=ExitCode.USAGE)
    error = cli.run(*command, "hard-8", "--set", "a=1", "--dry-run", code=ExitCode.NOT_FOUND)
    assert "'hard-8' is not one of projects/night-fleet/datasets/street" in error
