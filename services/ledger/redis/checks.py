"""What a Redis server must be for a commit to be durable when it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSION_MIN: Final = (7, 0)
SCHEMA_VERSION: Final = 1

SETTINGS: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    # Else `always` is suspended while the file is rewritten.
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}

READ_SETTINGS: Final = ("CONFIG", "GET", *SETTINGS)


def server_problems(info: Mapping[str, str]) -> list[str]:
    """What is wrong with the server itself, by its INFO."""
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


def has_rewritten_its_file(info: Mapping[str, str]) -> bool:
    """Whether the append-only file was made anew since the server started.

    A start with `aof-load-truncated yes` on a file that ends within a transaction drops the
    transaction, yet leaves its MULTI and whole commands in the file. What is appended to that is
    not loaded as it was written: the next EXEC applies the half transaction. Nor was all that a
    killed server left in its file flushed, while the new file is. And after `CONFIG SET
    appendonly yes` there is none before the first is whole.
    """
    return (
        info.get("aof_last_rewrite_time_sec", "-1") != "-1"
        and info.get("aof_last_bgrewrite_status") == "ok"
    )


def setting_problems(settings: Mapping[str, str]) -> list[str]:
    """What must be set differently, and how to."""
    return [
        f"{name} is {settings.get(name, 'unknown')}, expected {expected}: "
        f'run "CONFIG SET {name} {expected}" and write "{name} {expected}" into redis.conf'
        for name, expected in SETTINGS.items()
        if settings.get(name) != expected
    ]


def settings_hidden(problem: str) -> str:
    """Why a server that does not show its settings is refused."""
    return (
        f"its settings cannot be read ({problem}), expected that CONFIG GET is permitted "
        "(ACL: +config|get): without them nobody knows whether commits are durable"
    )


def rewrite_not_permitted(problem: str) -> str:
    """Why a server that may not be told to rewrite its file is refused."""
    return (
        f"its append-only file cannot be rewritten ({problem}), expected that BGREWRITEAOF is "
        "permitted (ACL: +bgrewriteaof): a file that was cut would bring back half a transaction"
    )


def schema_problems(schema: bytes) -> list[str]:
    """What is wrong with the version of what is stored."""
    if schema == b"%d" % SCHEMA_VERSION:
        return []
    found = schema.decode(errors="replace")
    return [f"has schema version {found}, this Sluice knows {SCHEMA_VERSION}"]


def parse_info(text: bytes) -> dict[str, str]:
    """The fields of INFO."""
    lines = text.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _version(text: str) -> tuple[int, ...]:
    numbers = text.split(".")[:2]
    return tuple(int(number) for number in numbers) if all(map(str.isdigit, numbers)) else (0,)
