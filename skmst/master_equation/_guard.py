"""Keep forms of models within what the data show: no growth without cause, their variance, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.spectrum import Spectrum, spectrum
from skmst.master_equation._methods import Form
from skmst.master_equation.stability import (
    amplification,
    largest_drift,
    spectral_radius,
    stable_markov_term,
    stable_memory_fraction,
    with_modes_on_circle,
)
from skmst.utils.linalg import ridge_regression, whitening
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]

#: Spectral radius above which a model counts as unstable; rounding moves that of a conserved quantity less.
STABLE = 1 + 1e-6
#: What is moved to the circle is moved all the way: a millionth of growth adds up in a million steps.
_CIRCLE = 1 + 1e-12
#: Growth counts as shown by the data where it exceeds the residual of its eigenfunction by this factor.
_SHOWN = 4.0
#: Part of the variance that all terms leave unexplained in data that count as noisy, and in those whose memory is so
#: clear that only the growth of a model can be wrong. With more noise it is better to keep less of the memory, as
#: measured in ``benchmarks/master_equation_guard.py``.
_NOISE, _CLEAR = 1e-6, 1e-2
#: Forecasts may vary this much more than the data (variance), and drift this far off their mean (standard deviations).
_LARGEST_VARIANCE, _FARTHEST = 2.0, 3.0
#: Standard errors beyond which a drift is no chance.
_SIGNIFICANT = 4.0

_UNSTABLE = "the model is unstable: its largest eigenvalue has modulus {:.4g}"
_VARIES = "the model is unstable: its forecasts vary more than the data, as no conditional mean does"
_ADVICE = "Raise alpha, use fewer terms (n_memory), or give more data."
_AS_IT_IS = "stabilize=False leaves it as it is."


@dataclass(frozen=True)
class Guarded:
    """A form as the guard leaves it.

    Attributes
    ----------
    form : Form
        The form.
    pairs : Spectrum
        Its eigenpairs in the directions that the data have.
    mean : ndarray of shape ((n_terms + 1) * d,)
        The mean window that it steps around.
    messages : tuple of str
        What the user should know.
    """

    form: Form
    pairs: Spectrum
    mean: Array
    messages: tuple[str, ...] = ()


def guarded(
    form: Form, moments: WindowMoments, covariance: Array, ridge: float, *, unexplained: float, stabilize: bool
) -> Guarded:
    """Make a form stable where the data do not say otherwise.

    Parameters
    ----------
    form : Form
        The form.
    moments : WindowMoments
        What it was fitted to.
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        That of windows.
    ridge : float
        Penalty of the fit.
    unexplained : float
        Part of the variance that all terms leave unexplained one lag ahead.
    stabilize : bool
        Whether to change anything.

    Returns
    -------
    Guarded
        The form, changed or not.
    """
    d, mean, noisy = moments.n_latent, moments.mean, unexplained > _NOISE
    pairs, radius = spectrum_of(form, covariance, d)
    growing = np.abs(pairs.eigenvalues) - _SHOWN * pairs.residuals > STABLE
    if growing.any() or not stabilize:
        grows = f"{_UNSTABLE.format(radius)}, so long forecasts grow without bound. {_ADVICE}"
        return Guarded(form, pairs, mean, (grows,) if radius > STABLE else ())
    messages = []
    if radius > STABLE or (noisy and forecasts_vary_too_much(form, covariance)):
        trouble = f"{_UNSTABLE.format(radius)}, which the data do not show" if radius > STABLE else _VARIES
        form, how = _made_stable(form, covariance, ridge, moments.n_windows, unexplained)
        messages.append(f"{trouble}; {how}, so that it is stable. {_ADVICE} {_AS_IT_IS}")
        pairs, _ = spectrum_of(form, covariance, d)
    if noisy and (far := chance_drift(form, mean, covariance, moments.n_windows)):
        messages.append(
            f"the model is unstable: it drifts to {far:.2g} standard deviations off the data, which do not show "
            f"that drift; it relaxes to their mean instead. Give more data; {_AS_IT_IS}"
        )
        mean = np.tile(mean.reshape(-1, d).mean(axis=0), len(mean) // d)
    return Guarded(form, pairs, mean, tuple(messages))


def spectrum_of(form: Form, covariance: Array, d: int) -> tuple[Spectrum, float]:
    """Eigenpairs in the directions that the data have, and the spectral radius in all of them.

    With memory written as one step of the form's variables, these are those of a Koopman operator in delay
    coordinates. Rounding can leave the directions that the data have, so the whole matrix has to be stable.
    """
    E = form.encoder
    n = E.shape[1]
    now, cross, later = (
        E @ part @ E.T for part in (covariance[d : d + n, d : d + n], covariance[:n, d : d + n], covariance[:n, :n])
    )
    W = np.eye(len(E)) if form.leaves_data else whitening(now)
    back = W if form.leaves_data else now @ W.T
    pairs = spectrum(form.matrix @ back, W, now, cross, later)
    if len(W) == len(E):
        return pairs, float(np.abs(pairs.eigenvalues).max(initial=0.0))
    return pairs, spectral_radius(form.matrix)


def forecasts_vary_too_much(form: Form, covariance: Array) -> bool:
    """Say whether forecasts vary more than the data, which no conditional mean does; for a form or its remains."""
    n, d = form.encoder.shape[1], form.kernels.shape[1]
    start = form.start(covariance[d : d + n, d : d + n])
    return amplification(form.matrix, start, covariance[:d, :d]) > _LARGEST_VARIANCE


def _made_stable(form: Form, covariance: Array, ridge: float, n_windows: int, unexplained: float) -> tuple[Form, str]:
    """A stable form as near as can be, and what was done to it."""
    matrix = with_modes_on_circle(form.matrix, _CIRCLE, n_windows) if unexplained < _CLEAR else None
    if matrix is not None:
        moved = form.stepped_by(matrix)
        varies = unexplained > _NOISE and forecasts_vary_too_much(moved, covariance)
        if spectral_radius(matrix) <= STABLE and not varies:
            return moved, "its modes that grow are kept at the unit circle"
    form, fraction = with_stable_memory(form, covariance, ridge, n_windows)
    return form, f"{fraction:.0%} of its memory is kept"


def with_stable_memory(form: Form, covariance: Array, ridge: float, n_windows: int) -> tuple[Form, float]:
    """Mix the form with the one-lag model until forecasts vary no more than the data; also the part that is kept."""
    d = form.kernels.shape[1]
    markov = ridge_regression(covariance[:d, d : 2 * d], covariance[d : 2 * d, d : 2 * d], ridge)
    markov = stable_markov_term(markov, n_windows)

    def sound(part: float) -> bool:
        mixed = form.with_memory(part, markov)
        # Directions that the data leave out may grow as well.
        return spectral_radius(mixed.matrix) <= STABLE and not forecasts_vary_too_much(mixed, covariance)

    fraction = stable_memory_fraction(sound)
    return form.with_memory(fraction, markov), fraction


def chance_drift(form: Form, mean: Array, covariance: Array, n_windows: int) -> float:
    """Find how far off the data a drift leads that is not significant, in standard deviations; 0 if not far.

    Runs that end elsewhere than they began give a model a constant change per step. Where nothing pulls back, a
    change that is chance leads away from all that was seen.
    """
    d = form.kernels.shape[1]
    step, variance = form.drift(mean), np.diag(covariance)[:d]
    one_lag = ridge_regression(covariance[:d, d : 2 * d], covariance[d : 2 * d, d : 2 * d])
    noise = variance - np.einsum("ij,ij->i", one_lag, covariance[:d, d : 2 * d])
    if np.any(step[:d] ** 2 > _SIGNIFICANT**2 * np.maximum(noise, 0) / n_windows):
        return 0.0
    distance = largest_drift(form.matrix, step, variance)
    return distance if distance > _FARTHEST else 0.0
