"""The classifier two-sample test as the benchmark published it: 0.5 is perfect, 1 as bad as can be.

Two implementations of one procedure: scikit-learn's, which the published figures come from, and
`gnomon c2st`, which takes seconds where that one takes minutes. `bench/run sbibm --only classifiers`
sets them side by side.
"""

import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits


def scikit_learn(reference: np.ndarray, draws: np.ndarray) -> float:
    """Mean accuracy over five folds of a network that tells `draws` from as many `reference` draws
    (rows x parameters), both standardised by the reference (Lueckmann et al. 2021)."""
    count = min(len(reference), len(draws))
    reference, draws = reference[:count], draws[:count]
    centre, spread = reference.mean(axis=0), reference.std(axis=0, ddof=1)
    both = (np.concatenate([reference, draws]) - centre) / spread
    labels = np.concatenate([np.zeros(count), np.ones(count)])
    width = 10 * reference.shape[1]
    classifier = MLPClassifier(
        activation="relu",
        hidden_layer_sizes=(width, width),
        max_iter=10_000,
        solver="adam",
        random_state=1,
    )
    folds = KFold(n_splits=5, shuffle=True, random_state=1)
    # As many tests as cores run at once: none may take more than one.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(cross_val_score(classifier, both, labels, cv=folds).mean())


class Gnomon:
    """The same by `gnomon c2st`."""

    def __init__(self, binary: Path):
        self.binary = binary

    def __call__(self, reference: np.ndarray, draws: np.ndarray) -> float:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"{name}.npz" for name in ("reference", "draws")]
            for path, rows in zip(files, (reference, draws), strict=True):
                np.savez(path, **{f"theta_{k + 1}": column for k, column in enumerate(rows.T)})
            command = [self.binary, "c2st", *files, "--json", "--threads", "1"]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(answer.stdout)["c2st"]
