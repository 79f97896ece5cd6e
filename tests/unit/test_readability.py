from __future__ import annotations

from pathlib import Path

import pytest

from tools.readability import ROOT, check, files

CLEAN = {
    "services/ingest/judge.py": "class Judge:\n    def score(self, rows: int) -> None: ...\n",
    "client/sluice/frames.py": "class Frame:\n    entries = 1\n",
    "tests/unit/test_judge.py": "",
    "protos/frame.proto": "// A frame.\n",
    "README.md": "# Sluice\n",
    "tools/readability.toml": "",
}


def problems(root: Path, **changes: str) -> list[str]:
    """The problems of a repository that is clean but for these files."""
    for name, text in (CLEAN | changes).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check(root)


def test_a_clean_repository_has_no_problem(tmp_path: Path) -> None:
    """Nothing is reported without a cause."""
    assert [] == problems(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("client/sluice/judge.py", "class Judge: ...\n", "class Judge is defined 2 times"),
        ("client/sluice/frames.py", "class Chosen: ...\n", "class Chosen is not a noun"),
        ("client/sluice/frames.py", "class _Gathered: ...\n", "class _Gathered is not a noun"),
        ("client/sluice/frames.py", "found = 1\n", "`found` does not say what it holds"),
        ("client/sluice/frames.py", "def f(wanted): ...\n", "`wanted` does not say"),
        ("client/sluice/frames.py", "for _said in (): ...\n", "`_said` does not say"),
        ("client/sluice/frames.py", "class A:\n    asked: int\n", "`asked` does not say"),
        ("client/sluice/frames.py", "def told(): ...\n", "`told` does not say"),
        ("client/sluice/frames.py", "x = 1\nx.begun = 2\n", "`begun` does not say"),
        ("client/sluice/frames.py", '"""Row 3 stands twice."""\n', "“stands twice”"),
        ("client/sluice/frames.py", 'x = f"{1}: is no token"\n', "“is no”"),
        ("client/sluice/frames.py", "x = 1  # where it lies\n", "“lies”"),
        ("tests/unit/test_judge.py", '"""The key has not the scope."""\n', "“has not”"),
        ("protos/frame.proto", "// Those who read it.\n", "“Those who”"),
        ("README.md", "# Sluice\n\nIt goes before the others.\n", "“goes before”"),
        ("README.md", "word " * 21 + "\n", "105 columns; wrap at 100"),
        ("services/ingest/plan.py", "", "no tests/**/test_plan.py"),
    ],
)
def test_a_violation_is_reported(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """Each rule reports file, line and what is wrong."""
    reported = problems(tmp_path, **{name: text})

    assert any(expected in problem and problem.startswith(f"{name}:") for problem in reported)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("client/sluice/frames.py", '"""It is no longer used, and has not changed."""\n'),
        ("client/sluice/frames.py", '"""There is no such frame."""\n'),
        ("README.md", "| " + "cell | " * 30 + "\n"),
        ("README.md", "```\n" + "x" * 120 + "\n```\n"),
        ("README.md", f"[the page](docs/{'x' * 100}.md)\n"),
        ("client/sluice/v1/frame_pb2.py", "found = 1\n"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path: Path, name: str, text: str) -> None:
    """Perfect tenses, tables, code, links and generated stubs are no violations."""
    assert [] == problems(tmp_path, **{name: text})


def test_an_exception_excuses_and_must_be_needed(tmp_path: Path) -> None:
    """A listed exception excuses its subject; one that excuses nothing is reported."""
    rule = '["module-without-test-file"]\n"services/ingest/plan.py" = "tested through judge.py"\n'
    excused = problems(tmp_path, **{"services/ingest/plan.py": "", "tools/readability.toml": rule})
    (tmp_path / "tests/unit/test_plan.py").write_text("")

    assert [] == excused
    [problem] = check(tmp_path)
    assert "[module-without-test-file] services/ingest/plan.py: not needed, delete it" in problem


def test_the_real_repository_is_read() -> None:
    """The rules see the code of both distributions, not the generated stubs."""
    names = {path.name for path in files(ROOT, "client/sluice", "*.py")}

    assert "session.py" in names
    assert "frame_pb2.py" not in names
