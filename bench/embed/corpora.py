"""Texts and pictures in natural classes, from Debian's and npm's packages.

Each function takes the folder in which packages were unpacked and yields items with their class.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

PIXELS_MAX = 4_000_000
VENDORS = ("apple", "google", "twitter", "facebook")


def fortunes(packages: Path) -> Iterator[tuple[str, str]]:
    """Short texts of Debian's package fortunes; a class is a file of it."""
    for path in sorted((packages / "usr/share/games/fortunes").iterdir()):
        if not path.suffix:
            for text in re.split(r"^%\n", path.read_text("utf-8"), flags=re.MULTILINE):
                if words := " ".join(text.split()):
                    yield words, path.name


def glosses(packages: Path) -> Iterator[tuple[str, str]]:
    """WordNet's definitions (Debian's wordnet-base); a class is a lexicographer file."""
    for part in ("adj", "adv", "noun", "verb"):
        path = packages / f"usr/share/wordnet/data.{part}"
        for line in path.read_text("utf-8").splitlines():
            if not line.startswith(" "):
                facts, gloss = line.split(" | ", 1)
                # Examples follow the definition, in quotes.
                yield gloss.split('; "')[0].strip(), facts.split(" ")[1]


def clipart(packages: Path) -> Iterator[tuple[Path, str]]:
    """Debian's openclipart-png, without huge pictures; a class is a folder, at most two deep."""
    root = packages / "usr/share/openclipart/png"
    for path in sorted(root.rglob("*.png")):
        with Image.open(path) as picture:  # reads the header only
            if picture.width * picture.height <= PIXELS_MAX:
                yield path, "/".join(path.relative_to(root).parts[:-1][:2])


def emoji(packages: Path) -> Iterator[tuple[Path, str]]:
    """The emoji of four vendors (npm's emoji-datasource-*); a class is a subcategory."""
    for vendor in VENDORS:
        root = packages / f"node_modules/emoji-datasource-{vendor}"
        for entry in json.loads((root / "emoji.json").read_text("utf-8")):
            if entry[f"has_img_{vendor}"]:
                yield root / f"img/{vendor}/64" / entry["image"], entry["subcategory"]


def descriptions(packages: Path) -> Iterator[tuple[str, str]]:
    """The short descriptions of Debian's packages; a class is a section of the archive."""
    text = (packages / "descriptions").read_text("utf-8")
    for line in text.splitlines():
        section, description = line.split("\t", 1)
        yield description, section.rpartition("/")[2]
