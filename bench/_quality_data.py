"""Labelled embeddings from packages, for the quality benchmark.

The score was tuned on all settings but `descriptions`, which was not used for any choice.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_digits, load_sample_images
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier

from sluice.scoring import normalise

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setting:
    """Embeddings `(frames, dim)` of length 1, their classes, and how rare a class is made.

    `issue_classes` are the classes with enough frames for issues. `prevalence` is None where
    classes have the share of the frames that they have by nature.
    """

    name: str
    vectors: Floats
    classes: NDArray[np.intp]
    issue_classes: NDArray[np.intp]
    prevalence: float | None


def digits_pixels() -> Setting:
    """Handwritten digits, 64 pixels."""
    pixels, digits = load_digits(return_X_y=True)
    return _setting("digits_pixels", pixels, digits, np.arange(10), 0.02)


def digits_hidden() -> Setting:
    """Digits 5 to 9 in the hidden layer of a network trained on digits 0 to 4; 128 units."""
    pixels, digits = load_digits(return_X_y=True)
    is_training = digits < 5
    network = MLPClassifier((128,), max_iter=60, tol=0, n_iter_no_change=60, random_state=0)
    network.fit(pixels[is_training] / 16, digits[is_training])
    hidden = np.maximum(pixels / 16 @ network.coefs_[0] + network.intercepts_[0], 0)
    return _setting("digits_hidden", hidden, digits, np.arange(5, 10), 0.02)


def patches() -> Setting:
    """Patches of two photographs; a class is a region of one. 262 dimensions.

    Features of a dictionary of small whitened windows, pooled over quarters of a patch (Coates, Ng
    and Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", 2011), with
    mean and deviation of the colours.
    """
    size, step, region = 24, 4, (61, 64)
    images, classes = [], []
    for number, image in enumerate(load_sample_images().images):
        windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
        grid = windows[::step, ::step]
        down, across = np.indices(grid.shape[:2]) * step + size // 2
        images.append(np.moveaxis(grid, 2, -1).reshape(-1, size, size, 3))
        classes.append((number * 100 + down // region[0] * 10 + across // region[1]).ravel())
    return _setting(
        "patches", _pool_features(np.concatenate(images)), np.concatenate(classes), None, 0.005
    )


def docstrings() -> Setting:
    """Docstrings of the standard library; a class is a module. TF-IDF and SVD, 256 dimensions."""
    texts, modules = zip(*((doc, module) for module, doc, _ in _functions() if len(doc) > 30))
    words = TfidfVectorizer(
        sublinear_tf=True, stop_words="english", min_df=2, max_features=30_000
    ).fit_transform(texts)
    return _texts("docstrings", words, 256, modules, 0.005)


def sources() -> Setting:
    """Functions of the standard library; a class is a module. Letters, 128 dimensions."""
    texts, modules = zip(*((code, module) for module, _, code in _functions() if len(code) > 80))
    letters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True, min_df=5, max_features=20_000
    ).fit_transform(texts)
    return _texts("sources", letters, 128, modules, 0.01)


def fortunes() -> Setting:
    """Sayings in the files of Debian's fortunes; all-MiniLM-L6-v2, 384 dimensions."""
    return _embedded("fortunes")


def glosses() -> Setting:
    """WordNet's definitions by lexicographer file; bge-small-en, 384 dimensions."""
    return _embedded("glosses")


def clipart() -> Setting:
    """Pictures of Debian's openclipart by folder; EfficientNet-Lite0, 1,280 dimensions."""
    return _embedded("clipart")


def emoji() -> Setting:
    """The emoji of four vendors by subcategory; EfficientNet-Lite0, 1,280 dimensions."""
    return _embedded("emoji")


def descriptions() -> Setting:
    """Descriptions of Debian's packages by section; all-MiniLM-L6-v2, 384 dimensions."""
    return _embedded("descriptions")


SETTINGS: dict[str, Callable[[], Setting]] = {
    make.__name__: make
    for make in (
        digits_pixels,
        digits_hidden,
        patches,
        docstrings,
        sources,
        fortunes,
        glosses,
        clipart,
        emoji,
        descriptions,
    )
}
DEEP = ("fortunes", "glosses", "clipart", "emoji", "descriptions")
"""Settings of real deep embeddings at natural class shares."""

EMBEDDINGS = Path(__file__).resolve().parent.parent / ".venv-bench" / "embeddings"
"""Where `make bench` puts what `bench.embed` embeds."""

_MEMBERS_MIN = 140
_SHARE_MIN, _SHARE_MAX = 0.005, 0.15


def _embedded(name: str) -> Setting:
    with np.load(EMBEDDINGS / f"{name}.npz") as file:
        classes = np.unique(file["classes"], return_inverse=True)[1]
        counts = np.bincount(classes)
        shares = counts / len(classes)
        is_usual = (shares >= _SHARE_MIN) & (shares <= _SHARE_MAX)
        issue_classes = np.flatnonzero(is_usual & (counts >= _MEMBERS_MIN))
        return _setting(name, file["vectors"], classes, issue_classes, None)


def _setting(
    name: str,
    vectors: NDArray[np.floating],
    classes: NDArray[np.integer],
    issue_classes: NDArray[np.intp] | None,
    prevalence: float | None,
) -> Setting:
    counts = np.bincount(classes)
    if issue_classes is None:
        issue_classes = np.flatnonzero(counts >= _MEMBERS_MIN)
    return Setting(name, normalise(vectors), classes.astype(np.intp), issue_classes, prevalence)


def _texts(
    name: str, counts: object, dimension: int, modules: tuple[str, ...], prevalence: float
) -> Setting:
    vectors = TruncatedSVD(dimension, n_iter=3, random_state=0).fit_transform(counts)
    is_nonzero = np.linalg.norm(vectors, axis=1) > 1e-6  # a text without known words is zero
    classes = np.unique(modules, return_inverse=True)[1]
    return _setting(name, vectors[is_nonzero], classes[is_nonzero], None, prevalence)


def _functions() -> Iterator[tuple[str, str, str]]:
    """Module, docstring ("" for none) and code of every function and class that has a docstring."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(parts):
            continue
        try:
            text = path.read_text("utf-8")
            tree = ast.parse(text)
        except (SyntaxError, UnicodeDecodeError):
            continue
        lines = text.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
                code = lines[body[0].lineno - 1 : node.end_lineno] if body else []
                is_class = isinstance(node, ast.ClassDef)
                yield (
                    parts[0].removesuffix(".py"),
                    ast.get_docstring(node) or "",
                    "" if is_class else "\n".join(code),
                )


def _pool_features(images: NDArray[np.uint8]) -> Floats:
    """Features `(patches, 262)` of `(patches, size, size, 3)` images."""
    rng = np.random.default_rng(0)
    sample = _windows(images[rng.integers(len(images), size=2_000)]).reshape(-1, 108)
    mean = sample.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(sample.T))
    whiten = (directions / np.sqrt(variances + 0.1) @ directions.T).astype(np.float32)
    kmeans = MiniBatchKMeans(64, random_state=0, n_init=1).fit((sample - mean) @ whiten)
    words = kmeans.cluster_centers_.astype(np.float32)
    features = [
        _activations((_windows(images[start : start + 512]) - mean) @ whiten, words)
        for start in range(0, len(images), 512)
    ]
    colours = images.astype(np.float32) / 255
    return np.concatenate(
        [np.concatenate(features), colours.mean(axis=(1, 2)), colours.std(axis=(1, 2))], axis=1
    )


def _windows(images: NDArray[np.uint8]) -> Floats:
    """Every third window of 6 × 6, less its mean and over its deviation: `(images, 7, 7, 108)`."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (6, 6), axis=(1, 2))[:, ::3, ::3]
    rows = windows.reshape(*windows.shape[:3], 108).astype(np.float32) / 255
    rows -= rows.mean(axis=-1, keepdims=True)
    scaled: Floats = rows / np.sqrt(rows.var(axis=-1, keepdims=True) + 0.01)
    return scaled


def _activations(windows: Floats, words: Floats) -> Floats:
    """How much nearer than on average each word is, pooled over quarters: `(images, 256)`."""
    squares = np.square(windows).sum(-1, keepdims=True) - 2 * windows @ words.T
    distances = np.sqrt(np.maximum(squares + np.square(words).sum(-1), 0))
    near = np.maximum(distances.mean(-1, keepdims=True) - distances, 0)
    half = near.shape[1] // 2
    top, bottom = near[:, : half + 1], near[:, half:]
    quarters = [
        rows[:, :, part] for rows in (top, bottom) for part in (slice(half + 1), slice(half, None))
    ]
    return np.concatenate([quarter.mean(axis=(1, 2)) for quarter in quarters], axis=1)
