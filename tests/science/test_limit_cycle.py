"""The guard of memory models on a limit cycle, whose modulus is one: it takes growth away and hardly any skill."""

import warnings

import numpy as np
import pytest

from skmst import MasterEquationPredictor

CONTEXT, LEAD = 16, 28


def rotations(seed):
    """Two harmonics of one frequency, with amplitudes that wander a little: 6 runs of 60 steps."""
    rng = np.random.default_rng(seed)
    phase = 0.37 * np.arange(60) + rng.uniform(0, 2 * np.pi, (6, 1))
    amplitude = 1 + 0.005 * np.cumsum(rng.standard_normal(phase.shape), axis=1)
    waves = np.stack([np.cos(phase), np.sin(phase), 0.3 * np.cos(2 * phase), 0.3 * np.sin(2 * phase)], axis=-1)
    return amplitude[..., None] * waves + 1e-3 * rng.standard_normal(waves.shape)


def test_a_rotation_that_chance_lets_grow_keeps_its_radius():
    grown, kept = [], []
    for seed in range(12):
        X = rotations(seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = MasterEquationPredictor(3).fit(X)
            free = MasterEquationPredictor(3, stabilize=False).fit(X)
        if np.abs(free.eigenvalues_).max() > 1 + 1e-6:
            assert "modes that grow are kept at the unit circle" in str(caught[0].message)
            far, free_far = (np.linalg.norm(m.forecast(X, 5000)[..., :2], axis=-1) for m in (model, free))
            kept += [far.min(), far.max()]
            grown.append(free_far.max())
    assert len(grown) >= 4
    assert min(kept) > 0.9
    assert max(kept) < 1.15 < min(grown)
    assert max(grown) > 2


@pytest.mark.parametrize(("n_memory", "alpha"), [(2, 1e-8), (4, 1e-7), (16, 1e-7)])
def test_the_wake_of_a_cylinder_is_forecast_as_well_as_without_the_guard(n_memory, alpha, data_path):
    # From the unstable steady flow to the limit cycle, every second stretch for training.
    a = np.load(data_path("cylinder_wake_re100_pod.npz"))["a"][::2]
    z = a.reshape(-1, 50, a.shape[1])
    train, test = z[::2], z[1::2]
    origins = range(CONTEXT, 50 - LEAD + 1)
    windows = np.concatenate([test[:, o - CONTEXT : o] for o in origins])
    true = np.stack([test[:, o + LEAD - 1] for o in origins])
    error = {}
    for stabilize in (False, True):
        with pytest.warns(UserWarning, match="the model is unstable"):
            model = MasterEquationPredictor(n_memory, alpha=alpha, stabilize=stabilize).fit(train)
        found = model.forecast(windows, LEAD)[:, -1].reshape(true.shape)
        error[stabilize] = np.sum((found - true) ** 2) / np.sum((true - train.mean(axis=(0, 1))) ** 2)
    assert error[True] < 0.01
    assert error[True] < error[False] + 0.005
    far = model.forecast(windows[::50], 10_000)
    assert np.abs(far[:, -1000:]).max() < 2 * np.abs(z).max()
