"""Logging in and out, the precedence of options, and completion of names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.cli.exit_codes import ExitCode
from tests.e2e import sluiced
from tests.e2e.cli import COMMAND, Cli
from tests.e2e.sluiced import Server

PROGRAM = Path(sys.executable).with_name("sluice")
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: the form of the services does not matter here."""
    with sluiced.running(tmp_path_factory.mktemp("login-server") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def cli(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command without a connection in its environment, and two projects on the server."""
    cli = Cli(server, tmp_path_factory.mktemp("login"))
    cli.start_campaign()
    cli.run("projects", "create", "day-fleet")
    cli.run("issues", "create", "Vans in fog", "--dataset", "street", "-p", "night-fleet")
    del cli.env["SLUICE_API_KEY"], cli.env["SLUICE_TARGET"]
    return cli


def log_in(cli: Cli, server: Server, *options: str, key: str = "") -> str:
    """Log in with the key on stdin; returns what is printed, on stdout and stderr."""
    process = subprocess.run(
        [*COMMAND, "login", "--target", server.target, *options],
        env=cli.env,
        input=(key or server.admin_key) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout + process.stderr


def test_a_profile_replaces_the_environment(cli: Cli, server: Server) -> None:
    """After a login no option is needed; the key is in the file alone, which is private."""
    error = cli.run("issues", "list", code=ExitCode.DENIED)
    assert "use `sluice login`, or set SLUICE_API_KEY" in error
    printed = log_in(cli, server, "-p", "night-fleet")
    file = cli.folder / "config" / "sluice" / "config.toml"
    assert f"profile default: {server.target}, project night-fleet; saved in {file}\n" == printed
    assert 0o600 == file.stat().st_mode & 0o777
    assert server.admin_key in file.read_text()
    assert ["Eights", "Vans in fog"] == sorted(
        i["display_name"] for i in cli.json("issues", "list")
    )
    document = json.loads(log_in(cli, server, "-p", "day-fleet", "--profile", "day", "--json"))
    expected = {
        "profile": "day",
        "target": server.target,
        "project": "day-fleet",
        "file": str(file),
    }
    assert expected == document
    assert server.admin_key not in printed + json.dumps(document)


def test_options_precede_the_environment_and_that_the_profile(cli: Cli, server: Server) -> None:
    """Of target, key and project each comes from the option, else the environment or profile."""
    log_in(cli, server, "-p", "night-fleet")
    log_in(cli, server, "-p", "day-fleet", "--profile", "day")
    street = ["projects/night-fleet/datasets/street"]

    for words, env, expected in (
        ("datasets list", {}, street),
        ("--profile day datasets list", {}, []),
        ("datasets list", {"SLUICE_PROFILE": "day"}, []),
        ("datasets list", {"SLUICE_PROJECT": "day-fleet"}, []),
        ("datasets list -p night-fleet", {"SLUICE_PROJECT": "day-fleet"}, street),
        ("datasets list -p night-fleet", {"SLUICE_PROFILE": "day"}, street),
        ("--profile day datasets list", {"SLUICE_PROJECT": "night-fleet"}, street),
    ):
        listed = json.loads(cli.run(*words.split(), "--json", code=0, **env))
        assert expected == [dataset["name"] for dataset in listed], (words, env)
    listing = ("projects", "list")
    # The saved key is for the server of its profile: another one never sees it.
    assert "API key required" in cli.run(*listing, code=ExitCode.DENIED, SLUICE_TARGET=NOBODY)
    key = {"SLUICE_API_KEY": server.admin_key}
    cli.run(*listing, code=ExitCode.UNAVAILABLE, SLUICE_TARGET=NOBODY, **key)
    cli.run("--target", server.target, *listing, SLUICE_TARGET=NOBODY)
    cli.run(*listing, code=ExitCode.DENIED, SLUICE_API_KEY="slc_a_b")
    cli.run("--api-key", server.admin_key, *listing, SLUICE_API_KEY="slc_a_b")
    error = cli.run("--profile", "home", *listing, code=ExitCode.NOT_FOUND)
    assert "no profile 'home'" in error
    assert "existing: day, default" in error


def test_a_failed_login_changes_nothing(cli: Cli, server: Server) -> None:
    """A wrong key or project, or a server that is unreachable, saves no profile."""
    for options, key, message in (
        ((), "slc_a_b", "UNAUTHENTICATED"),
        (("-p", "unknown"), "", "no project 'unknown'"),
        (("--target", NOBODY), "", "UNAVAILABLE"),
    ):
        printed = log_in(cli, server, *options, "--profile", "failed", key=key)
        assert message in printed
        assert server.admin_key not in printed
    assert "failed" not in (cli.folder / "config" / "sluice" / "config.toml").read_text()


def test_a_login_without_a_key_keeps_the_saved_one(cli: Cli, server: Server) -> None:
    """With nothing on stdin, a second login changes the project and keeps the key."""
    log_in(cli, server, "-p", "night-fleet")
    process = subprocess.run(
        [*COMMAND, "login", "-p", "day-fleet"],
        env=cli.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == process.returncode, process.stderr
    assert [] == json.loads(cli.run("datasets", "list", "--json"))


def test_logging_out_forgets_the_key(cli: Cli, server: Server) -> None:
    """A logout removes one profile; a second one finds none."""
    log_in(cli, server, "--profile", "other")
    file = cli.folder / "config" / "sluice" / "config.toml"
    assert {"profile": "other", "file": str(file)} == cli.json("logout", "--profile", "other")
    assert "other" not in file.read_text()
    assert "no profile 'other'" in cli.run("logout", "--profile", "other", code=ExitCode.NOT_FOUND)


def complete_in_bash(cli: Cli, *words: str, **env: str) -> list[str]:
    """What bash offers for the last word, by the script that --install-completion installs."""
    script = """
        source <(_SLUICE_COMPLETE=source_bash sluice)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _sluice_completion sluice
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{PROGRAM.parent}:{cli.env['PATH']}"
    process = subprocess.run(
        ["/bin/bash", "-c", script, "bash", *words],
        env=cli.env | {"PATH": path} | env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr == ""
    return process.stdout.split("\n")[:-1]


def test_names_are_completed(cli: Cli, server: Server) -> None:
    """Bash offers datasets, projects, issues and campaigns of the profile's server."""
    log_in(cli, server, "-p", "night-fleet")
    ids = [issue["name"].rpartition("/")[2][:8] for issue in cli.json("issues", "list")]
    assert ["street"] == complete_in_bash(cli, "sluice", "datasets", "counts", "")
    assert ["night-fleet"] == complete_in_bash(cli, "sluice", "issues", "list", "-p", "ni")
    assert sorted(ids) == sorted(complete_in_bash(cli, "sluice", "issues", "show", ""))
    assert ["Vans\\ in\\ fog"] == complete_in_bash(cli, "sluice", "issues", "show", "Va")
    assert ["Eights"] == complete_in_bash(cli, "sluice", "samples", "list", "Ei")
    other = ("sluice", "datasets", "counts", "-p", "day-fleet", "")
    assert [""] == complete_in_bash(cli, *other)


@pytest.mark.parametrize(("shell", "text"), [("zsh", '"Vans in fog"'), ("fish", "Vans in fog\t")])
def test_other_shells_get_names_with_help(cli: Cli, server: Server, shell: str, text: str) -> None:
    """The completion of zsh and fish has the id of a display name as its description."""
    log_in(cli, server, "-p", "night-fleet")
    env = {
        "_SLUICE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "sluice issues show Va",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    process = subprocess.run(
        [PROGRAM], env=cli.env | env, capture_output=True, text=True, check=False
    )
    assert text in process.stdout
    assert process.stderr == ""


def test_completion_is_silent_without_a_server(cli: Cli) -> None:
    """An unreachable server, a wrong key or a missing profile completes nothing, silently."""
    words = ("sluice", "datasets", "counts", "")
    assert [""] == complete_in_bash(cli, *words, SLUICE_TARGET=NOBODY, SLUICE_API_KEY="slc_a_b")
    assert [""] == complete_in_bash(cli, *words, SLUICE_API_KEY="slc_a_b")
    assert [""] == complete_in_bash(cli, *words, SLUICE_PROFILE="absent")
