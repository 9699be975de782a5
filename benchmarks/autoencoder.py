"""How good is the orthonormal multiresolution with the Heisenberg rectifier as an autoencoder, and how fast?

First tables: principal components of its coefficients next to those of the fields (POD). How many hold 99 % of the
variance of the code, and the relative error of held-out fields decoded from n of them. POD is the best linear code in
this norm on the training fields. Real and imaginary parts of coefficients are features of their own, so n counts real
numbers in every row. "scale" is in units of the fields' rms: 100 is the linear regime.

Second table: how continuous and how linear the codes are, on Kuramoto-Sivashinsky. Change of the code over change of
the field when fields move by a hundredth of a grid step, median and maximum, and the relative error of held-out fields
one time unit ahead, forecast by ridge regression from code to code.

Third table: time per point, which an O(N) transform keeps constant.

    OMP_NUM_THREADS=1 python benchmarks/autoencoder.py [--repeats 5]
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA

from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.scattering.multiresolution import Multiresolution

RANKS = (4, 8, 16, 32)
CODES = {
    "real p=4, scale 100": dict(scale=100.0),
    "real p=4, scale 1": {},
    "real p=4, scale .1": dict(scale=0.1),
    "Haar, scale 1": dict(vanishing_moments=1),
    "real p=8, scale 1": dict(vanishing_moments=8),
    "real p=4, order 1": dict(max_order=1),
    "symmetric p=3, scale 1": dict(vanishing_moments=3, symmetric=True),
    "symmetric p=5, scale 1": dict(vanishing_moments=5, symmetric=True),
}


def runs():
    """Training and held-out fields (n, n_x) of each system, of unit rms; trajectories are never split."""
    burgers = make_burgers(60, 31, random_state=0)
    kuramoto = make_kuramoto_sivashinsky(24, 200, dt=1.0, random_state=0)
    for name, x in (("Burgers", burgers), ("Kuramoto-Sivashinsky, L = 22", kuramoto)):
        x = x / x.std()
        cut = 2 * len(x) // 3
        yield name, x[:cut].reshape(-1, x.shape[-1]), x[cut:].reshape(-1, x.shape[-1])


def as_features(c):
    return np.concatenate([c.real, c.imag], axis=-1)


def as_coefficients(features):
    real, imag = np.split(features, 2, axis=1)
    return real + 1j * imag


def report(train, test, encode, decode):
    """Components for 99 % of the code's variance, and relative errors of decoded held-out fields."""
    pca = PCA(svd_solver="covariance_eigh").fit(encode(train))
    needed = 1 + np.searchsorted(np.cumsum(pca.explained_variance_ratio_), 0.99)
    centred = encode(test) - pca.mean_
    errors = []
    for rank in RANKS:
        basis = pca.components_[:rank]
        decoded = decode(centred @ basis.T @ basis + pca.mean_)
        errors.append(np.linalg.norm(decoded - test) / np.linalg.norm(test - train.mean(0)))
    return needed, errors


def autoencoder(grid_shape, params):
    encoding = Multiresolution(grid_shape, J=4, **params)
    return (
        lambda x: as_features(encoding.forward(x)),
        lambda c: encoding.inverse(as_coefficients(c)),
    )


def autoencoders():
    for name, train, test in runs():
        print(f"\n{name}: {len(train)} training fields, {len(test)} held out, {train.shape[1]} points")
        print(f"  {'code':24} {'for 99 %':>8}  " + "".join(f"{f'n = {n}':>9}" for n in RANKS))
        codes = {"POD": (lambda x: x, lambda c: c)}
        for code, params in CODES.items():
            codes[code] = autoencoder(train.shape[1:], params)
        for code, (encode, decode) in codes.items():
            needed, errors = report(train, test, encode, decode)
            print(f"  {code:24} {needed:8}  " + "".join(f"{error:9.4f}" for error in errors))


def one_step_error(train, test, encode, decode):
    """Relative error of held-out fields, forecast one step ahead by a ridge regression of codes."""
    past, future, start = (encode(x.reshape(-1, x.shape[-1])) for x in (train[:, :-1], train[:, 1:], test[:, :-1]))
    true = test[:, 1:].reshape(-1, test.shape[-1])
    mean, mean_after = past.mean(0), future.mean(0)
    gram = (past - mean).T @ (past - mean)
    ridge = 1e-4 * np.trace(gram) / len(gram) * np.eye(len(gram))
    step = np.linalg.solve(gram + ridge, (past - mean).T @ (future - mean_after))
    return np.linalg.norm(decode((start - mean) @ step + mean_after) - true) / np.linalg.norm(true)


def smoothness():
    x = make_kuramoto_sivashinsky(24, 200, dt=1.0, random_state=0)
    x /= x.std()
    train, test = x[:16], x[16:]
    fields = test.reshape(-1, 64)
    moved = np.fft.irfft(np.fft.rfft(fields) * np.exp(-2j * np.pi * 0.01 * np.fft.rfftfreq(64)), 64)
    print(f"\n  {'code':24} {'median':>8} {'maximum':>8}  one step ahead")
    codes = {"fields": (lambda x: x, lambda c: c)}
    codes |= {code: autoencoder((64,), params) for code, params in CODES.items()}
    for code, (encode, decode) in codes.items():
        ratio = np.linalg.norm(encode(moved) - encode(fields), axis=1) / np.linalg.norm(moved - fields, axis=1)
        error = one_step_error(train, test, encode, decode)
        print(f"  {code:24} {np.median(ratio):8.2f} {ratio.max():8.1f}  {error:.4f}")


def speed(repeats):
    rng = np.random.default_rng(0)
    print(f"\n{'points':>9} {'forward':>9} {'inverse':>9} {'pullback':>9}   (ns per point, J=6, order 2, float64)")
    for log2_n in range(12, 21, 2):
        encoding = Multiresolution((2**log2_n,), J=6)
        x = rng.standard_normal((2 ** max(0, 16 - log2_n), 2**log2_n))
        c = encoding.forward(x)
        calls = ((encoding.forward, x), (encoding.inverse, c), (encoding.pullback, x, c))
        times = [min(timed(*call) for _ in range(repeats)) / x.size * 1e9 for call in calls]
        print(f"{2**log2_n:9} " + " ".join(f"{t:9.0f}" for t in times))


def timed(function, *arrays):
    start = time.process_time()
    function(*arrays)
    return time.process_time() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    autoencoders()
    smoothness()
    speed(repeats)
