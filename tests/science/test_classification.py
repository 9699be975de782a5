"""A linear classifier on coefficients that were not learnt tells handwritten digits apart."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import ScatteringTransformer


def test_digits_are_told_apart_and_better_than_by_their_pixels():
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    classify = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.05)
    scatter = ScatteringTransformer(J=1, L=4, T=2, boundary="reflect", grid_shape=(8, 8))
    accuracy = cross_val_score(make_pipeline(scatter, StandardScaler(), classify), X, y, cv=folds)
    pixels = cross_val_score(make_pipeline(StandardScaler(), classify), X, y, cv=folds)
    assert accuracy.mean() >= 0.975
    assert np.all(accuracy > pixels + 0.01)
