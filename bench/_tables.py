"""Tables of figures in README.md and docs/benchmarks.md: `python -m bench._tables` fills them in.

A table is between `<!-- table: NAME -->` and `<!-- end of table -->`, and is generated from
`bench/results.json` alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")

Figures = Mapping[str, float]

METHODS = {
    "ours": "Sluice",
    "contrast": "5 nearest − background",
    "logistic": "logistic",
    "logistic_c100": "logistic, C = 100",
    "mean_of_5": "mean of 5",
    "max_cosine": "max cosine",
    "microclusters": "microclusters",
}
SETTINGS = {
    "digits_pixels": "digits, pixels",
    "digits_hidden": "digits, hidden layer",
    "patches": "image patches",
    "docstrings": "docstrings",
    "sources": "source code",
    "fortunes": "sayings",
    "glosses": "definitions",
    "clipart": "clip art",
    "emoji": "emoji",
    "descriptions": "package descriptions, not tuned on",
}
SETTINGS_IN_SHORT = ("digits_pixels", "sources", "fortunes", "glosses", "clipart", "descriptions")
KINDS = {
    "two_modes": "two classes in one issue",
    "wrong_elements": "20 % wrong elements",
    "near_copies": "near copies of one frame",
}
SIZES = (1, 3, 10, 30, 100)
REVIEWS = (0, 10, 20, 50, 100)
CAMPAIGNS = (1, 10, 100, 1_000)

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def fill(text: str, figures: Figures) -> str:
    """The text with its tables generated again; a table with missing figures is kept."""

    def generate(match: re.Match[str]) -> str:
        try:
            return match[1] + TABLES[match[2]](figures) + match[3]
        except KeyError:
            return match[0]

    return _TABLE.sub(generate, text)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table: the first column is text, the others are numbers."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def precision(figures: Figures) -> str:
    """Average precision ± standard error, by setting, size of the issue and method."""
    rows = []
    for setting, words in SETTINGS.items():
        for size in SIZES:
            names = [f"quality.ap.{setting}.{size}.{method}" for method in METHODS]
            first = words if size == SIZES[0] else ""
            rows.append([first, str(size), *_best_bold(figures, names)])
    return markdown(["", "elements", *METHODS.values()], rows)


def ranks(figures: Figures) -> str:
    """The mean rank of each method, and average precision with 30 elements."""
    return markdown(
        ["", "mean rank of 7", *(SETTINGS[setting] for setting in SETTINGS_IN_SHORT)],
        (
            [name, f"{figures[f'quality.mean_rank.{method}']:.2f}"]
            + [f"{figures[f'quality.ap.{s}.30.{method}']:.2f}" for s in SETTINGS_IN_SHORT]
            for method, name in METHODS.items()
        ),
    )


def summary(figures: Figures) -> str:
    """What the average precisions come to, and how good the estimated shares are."""
    rows = {
        "mean rank of 7 methods": f"{figures['quality.mean_rank.ours']:.2f}",
        "largest gap to the best method": f"{figures['quality.worst_gap']:.3f}",
        "mean gain over *5 nearest − background*, deep": (
            f"{figures['quality.deep.gain_over_nearest']:+.3f}"
        ),
        "… the least": f"{figures['quality.deep.gain_over_nearest_min']:+.3f}",
        "estimated share of members, off by a factor of": f"{figures['quality.share_error']:.2f}",
        "… within its interval": f"{figures['quality.share_covered']:.0%}",
    }
    return markdown(["", "figure"], ([name, value] for name, value in rows.items()))


def kinds(figures: Figures) -> str:
    """Average precision for issues of other kinds."""
    return markdown(
        ["", *METHODS.values()],
        (
            [words, *_best_bold(figures, [f"quality.kinds.{kind}.{m}" for m in METHODS])]
            for kind, words in KINDS.items()
        ),
    )


def thresholds(figures: Figures) -> str:
    """Shares of frames that pass 0.5 with 30 elements."""
    columns = {
        "members_pass": "of the class",
        "others_pass": "of others",
        "members_at_4_percent": "of the class, by the best cut at 4 % of others",
    }
    return markdown(
        ["passing at 0.5", *columns.values()],
        (
            [words, *(f"{figures[f'quality.{part}.{setting}']:.1%}" for part in columns)]
            for setting, words in SETTINGS.items()
        ),
    )


def reviews(figures: Figures) -> str:
    """Average precision after reviews."""
    settings = [s for s in SETTINGS if f"quality.reviews.{s}.{REVIEWS[0]}" in figures]
    return markdown(
        ["reviews", *map(str, REVIEWS)],
        (
            [SETTINGS[setting]]
            + [_with_error(figures, f"quality.reviews.{setting}.{n}") for n in REVIEWS]
            for setting in settings
        ),
    )


def kernel(figures: Figures) -> str:
    """The kernel's time over that of the bare products, by campaigns."""
    variants = {"512-d, 1 thread": ""} | {
        f"{d}-d, {t} thread{'s' * (t > 1)}": f"{d}d.{t}threads."
        for d, t in ((768, 1), (512, 2), (768, 2))
    }
    return markdown(
        ["time over that of the products", *(f"{n:,} campaigns" for n in CAMPAIGNS)],
        (
            [name, *(f"{figures[f'scoring.kernel_over_products.{key}{n}']:.2f}" for n in CAMPAIGNS)]
            for name, key in variants.items()
        ),
    )


def others(figures: Figures) -> str:
    """The kernel and the stream compared with other methods."""
    rows = {
        "stream, as a share of what echo and kernel allow": "stream_over_limit",
        "stream, frames per second": "stream_frames_per_s",
        "kernel, times a loop over clusters": "over_cluster_loop",
        "kernel, times a flat faiss index each": "over_faiss",
        "kernel, times a Qdrant query for each": "over_qdrant_per_frame",
    }
    return markdown(
        ["", *(f"{n:,} campaigns" for n in CAMPAIGNS[:3])],
        (
            [name, *(_number(figures.get(f"scoring.{key}.{n}")) for n in CAMPAIGNS[:3])]
            for name, key in rows.items()
        ),
    )


def serving(figures: Figures) -> str:
    """Other figures of serving."""
    rows = {
        "matches only, 1,000 campaigns: time of full scoring": "matches_only_cost.1000",
        "two scorer processes over one": "two_processes_over_one",
        "200 loggers of 8 frames, scored together: throughput over separately": (
            "small_batches.over_unbatched"
        ),
        "… p50, ms": "small_batches.p50_ms",
        "… p99, ms": "small_batches.p99_ms",
        "… p50 separately, ms": "small_batches.unbatched_p50_ms",
        "… p99 separately, ms": "small_batches.unbatched_p99_ms",
        "memory per campaign, bytes": "bytes_per_campaign",
        "commit of 300 elements, ms": "commit_ms",
        "… until frames are scored by it, ms": "commit_to_visible_ms",
        "1,000 models loaded, s": "load_1000_models_s",
        "50,000 elements of 2,048 dimensions: model built, s": "large.build_s",
        "… held, MiB": "large.held_mb",
        "… frames scored per second": "large.frames_per_s",
    }
    return markdown(
        ["", "figure"],
        ([name, _number(figures[f"scoring.{key}"])] for name, key in rows.items()),
    )


def batches(figures: Figures) -> str:
    """Time and memory of a batch from a large dataset."""
    rows = {
        "selection alone, s": "select_100k_s",
        "… peak of its process, MiB": "select_100k_mb",
        "CreateBatch, s": "create_batch_100k_s",
        "… peak of the server, MiB": "create_batch_100k_mb",
        "frames appended per second": "append_100k_frames_per_s",
    }
    return markdown(
        ["", "figure"],
        ([name, _number(figures[f"selection.{key}"])] for name, key in rows.items()),
    )


def picked(figures: Figures) -> str:
    """Accuracy of a classifier trained on the batches of each method."""
    methods = {
        "ours": "Sluice, 30 : 70",
        "tutorial": "ZCore and neighbours, 30 : 70",
        "facility": "facility location alone",
        "kcenter": "k-center alone",
        "zcore": "ZCore alone",
        "random": "random",
    }
    settings = {"digits_balanced": "even classes", "digits_imbalanced": "half of them rare"}
    columns = [
        _best_bold(figures, [f"selection.accuracy.{setting}.{method}" for method in methods])
        for setting in settings
    ]
    return markdown(["accuracy", *settings.values()], zip(methods.values(), *columns, strict=True))


def zcore(figures: Figures) -> str:
    """Time of a draw of ZCore, by rows of the pool."""
    rows = {
        "µs per draw": "zcore_draw_us",
        "plain rendering, times as long": "zcore_over_plain",
        "… with embeddings stored by column": "zcore_over_columns",
    }
    pools = (1_797, 20_000, 100_000)
    return markdown(
        ["", *(f"{pool:,} rows" for pool in pools)],
        (
            [name, *(_number(figures[f"selection.{key}.{pool}"]) for pool in pools)]
            for name, key in rows.items()
        ),
    )


def alarms(figures: Figures) -> str:
    """How often golden QA warns or fails a round."""
    rows = {
        "nothing has drifted": "none",
        "20 % of the second-largest class are missed": "missed",
        "40 % of it are taken for the third": "confused",
    }
    return markdown(
        ["", "warned or failed", "failed"],
        (
            [name, *(f"{figures[f'golden.{what}.{key}']:.1%}" for what in ("alarm", "fail"))]
            for name, key in rows.items()
        ),
    )


TABLES: dict[str, Callable[[Figures], str]] = {
    table.__name__: table
    for table in (
        precision,
        ranks,
        summary,
        kinds,
        thresholds,
        reviews,
        kernel,
        others,
        serving,
        picked,
        zcore,
        batches,
        alarms,
    )
}


def _best_bold(figures: Figures, names: Sequence[str]) -> list[str]:
    best = max(f"{figures[name]:.3f}" for name in names)
    cells = {name: _with_error(figures, name) for name in names}
    return [f"**{cell}**" if cell.startswith(best) else cell for cell in cells.values()]


def _with_error(figures: Figures, name: str) -> str:
    return f"{figures[name]:.3f} ± {figures[f'{name}_se']:.3f}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def write() -> None:
    """Generate the tables of all documents."""
    figures = json.loads(RESULTS.read_text())
    for document in DOCUMENTS:
        document.write_text(fill(document.read_text(), figures))


if __name__ == "__main__":
    write()
