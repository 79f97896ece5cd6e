"""Checks of a Redis server: what makes a commit durable when it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSION_MIN: Final = (7, 0)
SCHEMA_VERSION: Final = 1

SETTINGS: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    # With yes, `appendfsync always` is suspended during a rewrite of the file.
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}

READ_SETTINGS: Final = ("CONFIG", "GET", *SETTINGS)


def server_problems(info: Mapping[str, str]) -> list[str]:
    """Problems of the server itself, from its INFO."""
    problems = []
    version = info.get("redis_version", "unknown")
    if _version(version) < VERSION_MIN:
        problems.append(f"redis_version is {version}, expected 7.0 or newer")
    if info.get("cluster_enabled") == "1":
        problems.append(
            "cluster_enabled is 1, expected a single primary: MOVED is not followed; "
            'write "cluster-enabled no" into redis.conf'
        )
    if (role := info.get("role")) != "master":
        problems.append(f"role is {role}, expected master: name the primary in the address")
    return problems


def has_rewritten_aof(info: Mapping[str, str]) -> bool:
    """Whether the append-only file was rewritten since the server started.

    A rewrite is required for three reasons. A start with `aof-load-truncated yes` on a file that
    ends within a transaction drops that transaction, but leaves its MULTI and its complete
    commands in the file; the EXEC of the next transaction would then apply them at a later start.
    Not everything that a killed server left in its file was flushed; a rewritten file is. And
    after `CONFIG SET appendonly yes` there is no file until the first rewrite is complete.
    """
    return (
        info.get("aof_last_rewrite_time_sec", "-1") != "-1"
        and info.get("aof_last_bgrewrite_status") == "ok"
    )


def setting_problems(settings: Mapping[str, str]) -> list[str]:
    """Settings with an unsafe value, each with the command that corrects it."""
    return [
        f"{name} is {settings.get(name, 'unknown')}, expected {expected}: "
        f'run "CONFIG SET {name} {expected}" and write "{name} {expected}" into redis.conf'
        for name, expected in SETTINGS.items()
        if settings.get(name) != expected
    ]


def hidden_settings_problem(reply: str) -> str:
    """The problem of a server that does not show its settings."""
    return (
        f"its settings cannot be read ({reply}), expected that CONFIG GET is permitted "
        "(ACL: +config|get): without it Sluice cannot check that commits are durable"
    )


def rewrite_problem(reply: str) -> str:
    """The problem of a server that does not permit a rewrite of its file."""
    return (
        f"its append-only file cannot be rewritten ({reply}), expected that BGREWRITEAOF is "
        "permitted (ACL: +bgrewriteaof): a truncated file could restore half a transaction"
    )


def schema_problems(schema: bytes) -> list[str]:
    """The problem of data with another schema version than this Sluice supports."""
    if schema == b"%d" % SCHEMA_VERSION:
        return []
    stored = schema.decode(errors="replace")
    return [f"has schema version {stored}, this Sluice supports {SCHEMA_VERSION}"]


def parse_info(text: bytes) -> dict[str, str]:
    """The fields of a reply to INFO."""
    lines = text.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _version(text: str) -> tuple[int, ...]:
    numbers = text.split(".")[:2]
    return tuple(int(number) for number in numbers) if all(map(str.isdigit, numbers)) else (0,)
