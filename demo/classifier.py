"""The model that a team would already have: it classifies frames and embeds them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from demo.digits import SEED, Digits

MODEL_ID = "digits-mlp-v1"
# The maximum dimension of a basis; with 16 or 32 units the failures are less similar, and some
# seeds collect almost nothing.
HIDDEN_UNITS = 64
EPOCHS_MAX = 300


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network; the output of its one hidden layer is the embedding of a frame."""

    network: MLPClassifier

    def embed(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The hidden layer's output for `(rows, 64)` pixels: `(rows, HIDDEN_UNITS)`."""
        hidden = pixels @ self.network.coefs_[0] + self.network.intercepts_[0]
        return np.asarray(np.maximum(hidden, 0), np.float32)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.intp]:
        """The predicted class of each row, `(rows,)`."""
        return np.asarray(self.network.predict(pixels), np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """The class with the most failures, and its misclassified validation frames."""

    class_id: int
    frames: NDArray[np.intp]
    class_rows: int
    """The number of validation frames of the class."""

    @property
    def title(self) -> str:
        """The title of the issue."""
        return f"{self.class_id} taken for something else"


def train(digits: Digits) -> Classifier:
    """Train on the labelled frames; every run gives the same network."""
    network = MLPClassifier((HIDDEN_UNITS,), max_iter=EPOCHS_MAX, random_state=SEED)
    with warnings.catch_warnings():
        # The demo does not need a fully converged network.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(digits.pixels(digits.labelled), digits.truth[digits.labelled])
    return Classifier(network)


def find_failures(classifier: Classifier, digits: Digits) -> Failures:
    """Find the class with the most failures among the validation frames."""
    labels = digits.truth[digits.validation]
    is_wrong = classifier.predict(digits.pixels(digits.validation)) != labels
    class_id = int(np.bincount(labels[is_wrong], minlength=labels.max() + 1).argmax())
    is_of_class = labels == class_id
    return Failures(class_id, digits.validation[is_of_class & is_wrong], int(is_of_class.sum()))
