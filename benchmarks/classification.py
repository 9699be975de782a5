"""Classes of images and series by a linear classifier on scattering coefficients.

The transform learns nothing and the classifier is linear: logistic regression or discriminant analysis. Every choice
(octaves, filters per octave, order, averaging, logarithm, classifier, penalty) is made by cross-validation on the
training part alone. Accuracies on the test parts are reported beside the published ones (UCR and UEA archives, default
splits) and beside the same search on the values themselves.

    SKMST_DATA=folder python benchmarks/classification.py [digits] [GunPoint] [ItalyPowerDemand] [BasicMotions]
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmst import ScatteringTransformer

DATA = Path(os.environ.get("SKMST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
#: Nearest neighbour by Euclidean distance, and the best of HIVE-COTE 2, InceptionTime and WEASEL 2.
PUBLISHED = {"GunPoint": (0.913, 1.0), "ItalyPowerDemand": (0.955, 0.970), "BasicMotions": None}
DISCRIMINANT = {"classify": [LinearDiscriminantAnalysis(solver="lsqr")], "classify__shrinkage": [0.01, 0.1, 0.5]}
REGRESSION = {"classify": [LogisticRegression(max_iter=5000)], "classify__C": [0.01, 0.1, 1.0, 10.0]}


def search(scatter, grid, classifiers, cv):
    """A search over the transform's parameters and over linear classifiers."""
    steps = [
        ("scatter", scatter),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression()),
    ]
    return GridSearchCV(Pipeline(steps), [grid | classifier for classifier in classifiers], cv=cv)


def digits():
    """Nested cross-validation: choices are made inside each of the outer training parts."""
    X, y = load_digits(return_X_y=True)
    inner, outer = (StratifiedKFold(5, shuffle=True, random_state=seed) for seed in (0, 1))
    scatter = ScatteringTransformer(J=1, grid_shape=(8, 8), boundary="reflect")
    start = time.perf_counter()
    for name, model in {
        "scattering": search(scatter, {"scatter__T": [2, 4], "scatter__L": [4, 8]}, [DISCRIMINANT], inner),
        "values": search("passthrough", {}, [DISCRIMINANT], inner),
    }.items():
        scores = cross_val_score(model, X, y, cv=outer)
        error = scores.std(ddof=1) / np.sqrt(5)
        print(f"{'digits':18s} {name:12s} {scores.mean():.4f} +- {error:.4f} (five folds, nested)")
    print(f"{'':18s} {time.perf_counter() - start:.0f} s")


def series(name):
    """Choices on the training part, one look at the test part."""
    path = DATA / f"ucr_{name}.npz"
    if not path.exists():
        print(f"{name:18s} skipped: {path} not found; set SKMST_DATA to the folder that holds it")
        return
    parts = np.load(path)
    X, X_test = (parts[key].astype(float) for key in ("X_train", "X_test"))
    y, y_test = parts["y_train"], parts["y_test"]
    n_channels, n = X.shape[1:]
    grid = {
        "scatter__J": [J for J in (2, 3, 4, 5, 6) if n >= 2 ** (J + 1)],
        "scatter__Q": [1, 2] if n > 50 else [1],
        "scatter__T": [16, 32, "global"] if n > 50 else [2, 4, 8, "global"],
        "scatter__max_order": [1, 2],
        "scatter__log": [False, True],
    }
    # Discriminant analysis inverts the covariance of all features: only where they are few.
    classifiers = [REGRESSION] if n > 50 else [REGRESSION, DISCRIMINANT]
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=1 if n > 50 else 10, random_state=0)
    scatter = ScatteringTransformer(boundary="reflect", n_channels=n_channels)
    published = PUBLISHED[name]
    start = time.perf_counter()
    model = search(scatter, grid, classifiers, folds).fit(X, y)
    plain = search("passthrough", {}, classifiers, folds).fit(X.reshape(len(X), -1), y)
    print(f"{name:18s} {'scattering':12s} {model.score(X_test, y_test):.4f} (folds {model.best_score_:.4f})", end="")
    print(f"   published: nearest neighbour {published[0]}, best {published[1]}" if published else "")
    print(f"{'':18s} {'values':12s} {plain.score(X_test.reshape(len(X_test), -1), y_test):.4f}", end="")
    print(f" (folds {plain.best_score_:.4f})   {time.perf_counter() - start:.0f} s")
    print(" " * 18, {key: str(value) for key, value in model.best_params_.items()})


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ["digits", *PUBLISHED]:
        digits() if chosen == "digits" else series(chosen)
