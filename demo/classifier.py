"""The model that a team would already have: it classifies, fails, and embeds what it sees."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from demo.digits import SEED, Digits

MODEL_ID = "digits-mlp-v1"
# As wide as a basis may be; with 16 or 32 units the failures are less alike, and some seeds collect
# next to nothing.
HIDDEN_UNITS = 64
EPOCHS_MAX = 300


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network with one hidden layer, whose output is the embedding of a frame."""

    network: MLPClassifier

    def embed(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The hidden layer's output for `(rows, 64)` pixels: `(rows, HIDDEN_UNITS)`."""
        hidden = pixels @ self.network.coefs_[0] + self.network.intercepts_[0]
        return np.asarray(np.maximum(hidden, 0), np.float32)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.intp]:
        """The class that the network takes each row for, `(rows,)`."""
        return np.asarray(self.network.predict(pixels), np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """The class that the classifier fails most on, and the validation frames it got wrong of it."""

    class_id: int
    frames: NDArray[np.intp]
    class_rows: int
    """How many validation frames of the class there are."""

    @property
    def title(self) -> str:
        """What goes wrong, for people."""
        return f"{self.class_id} taken for something else"


def train(digits: Digits) -> Classifier:
    """Train on the labelled frames alone; the same network on every run."""
    network = MLPClassifier((HIDDEN_UNITS,), max_iter=EPOCHS_MAX, random_state=SEED)
    with warnings.catch_warnings():
        # Whether it would still gain a little after so many epochs does not matter here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(digits.pixels(digits.labelled), digits.truth[digits.labelled])
    return Classifier(network)


def find_failures(classifier: Classifier, digits: Digits) -> Failures:
    """Where the classifier fails, judged by the labels of the validation frames."""
    labels = digits.truth[digits.validation]
    wrong = classifier.predict(digits.pixels(digits.validation)) != labels
    class_id = int(np.bincount(labels[wrong], minlength=labels.max() + 1).argmax())
    of_class = labels == class_id
    return Failures(class_id, digits.validation[of_class & wrong], int(of_class.sum()))
