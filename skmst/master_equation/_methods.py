"""Linear models with memory from second moments of windows: one small class for each form that they take.

A form knows the matrix that steps it, how to keep a part of its memory only, and the model that forecasts with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.master_equation.embedding import Embedding, embedding_regression
from skmst.master_equation.integrative import igme
from skmst.master_equation.kernels import companion_matrix, correlations, mori, quasi_markov, regression
from skmst.master_equation.propagators import tcl
from skmst.master_equation.simulation import stationary_shift
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import whitening
from skmst.utils.propagator_model import EmbeddedModel, PropagatorModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class KernelForm:
    """A sum over the window: ``x_{t+lag} = sum_l Omega_l x_{t-l*lag}``."""

    kernels: Array

    @property
    def matrix(self) -> Array:
        """What steps the variables of the form."""
        return companion_matrix(self.kernels)

    @property
    def encoder(self) -> Array:
        """What takes a window to the variables of the form."""
        return np.eye(self.kernels.shape[0] * self.kernels.shape[1])

    @property
    def one_step(self) -> Array:
        """Kernels of a forecast over one lag."""
        return self.kernels

    def rest(self, mean: Array) -> Array:
        """State where forecasts end, given the mean window."""
        d = self.kernels.shape[1]
        present = mean[d : 2 * d]
        apart = mean[d:].reshape(-1, d)[: len(self.kernels)] - present
        step = mean[:d] - present - np.einsum("lij,lj->i", self.kernels, apart)
        return present + stationary_shift(self.kernels.sum(axis=0), step)

    def with_memory(self, fraction: float, markov: Array) -> KernelForm:
        """Mix with the model without memory."""
        kernels = fraction * self.kernels
        kernels[0] += (1 - fraction) * markov
        return KernelForm(kernels)

    def start(self, covariance: Array) -> Array:
        """Covariance of the variables when the matrix starts to act, given that of windows."""
        return covariance

    def drift(self, mean: Array) -> Array:
        """Change of the mean of the variables over a step, given the mean window."""
        return mean[: -self.kernels.shape[1]][: len(self.matrix)] - mean[self.kernels.shape[1] :][: len(self.matrix)]

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """Make the model that forecasts, given the mean window and the other parts of a `DelayModel`."""
        n_terms, d, _ = self.kernels.shape
        advance = AffineMap.between_means(self.matrix[:d], mean[d:], mean[:d])
        return DelayModel(advance=advance, n_terms=n_terms, **_leading(parts, n_terms * d))


@dataclass(frozen=True)
class EmbeddingForm:
    """Memory variables: a Markov embedding."""

    embedding: Embedding

    @property
    def kernels(self) -> Array:
        """Kernels within a window."""
        return self.embedding.kernels

    @property
    def matrix(self) -> Array:
        """See `KernelForm`."""
        return self.embedding.matrix

    @property
    def encoder(self) -> Array:
        """See `KernelForm`."""
        return self.embedding.encoder

    @property
    def one_step(self) -> Array:
        """See `KernelForm`."""
        return self.kernels

    def rest(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.embedding.coefficients)
        return mean[d : 2 * d] + stationary_shift(self.matrix, self.drift(mean))[:d]

    def with_memory(self, fraction: float, markov: Array) -> EmbeddingForm:
        """See `KernelForm`."""
        coefficients = fraction * self.embedding.coefficients
        coefficients[:, : len(markov)] += (1 - fraction) * markov
        n_terms = self.embedding.basis.shape[1]
        return EmbeddingForm(Embedding.from_coefficients(self.embedding.poles, n_terms, coefficients))

    def start(self, covariance: Array) -> Array:
        """See `KernelForm`."""
        return self.encoder @ covariance @ self.encoder.T

    def drift(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.embedding.coefficients)
        return self._level(mean[:d] - mean[d : 2 * d])

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """See `KernelForm`."""
        d, n_terms = len(self.embedding.coefficients), self.embedding.basis.shape[1]
        n = n_terms * d
        # A memory variable starts from the window's deviation from the mean window and grows from there.
        return EmbeddedModel(
            encode=AffineMap.between_means(self.encoder, mean[d : d + n], self._level(mean[d : d + d])),
            advance=AffineMap.between_means(self.matrix, self._level(mean[d : d + d]), self._level(mean[:d])),
            n_terms=n_terms,
            **_leading(parts, n),
        )

    def _level(self, mean: Array) -> Array:
        level = np.zeros(len(self.matrix))
        level[: len(mean)] = mean
        return level


@dataclass(frozen=True)
class PropagatorForm:
    """Propagators from the origin, and the step that continues them."""

    kernels: Array
    propagators: Array
    matrix: Array

    @property
    def encoder(self) -> Array:
        """See `KernelForm`."""
        return np.eye(len(self.matrix))

    @property
    def one_step(self) -> Array:
        """See `KernelForm`."""
        return self.propagators[:1]

    def rest(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.matrix)
        return mean[d : 2 * d] + stationary_shift(self.matrix, self.drift(mean))

    def with_memory(self, fraction: float, markov: Array) -> PropagatorForm:
        """See `KernelForm`; what is observed of the propagators stays."""
        return replace(self, matrix=fraction * self.matrix + (1 - fraction) * markov)

    def start(self, covariance: Array) -> Array:
        """See `KernelForm`; the matrix starts where the propagators end."""
        return self.propagators[-1] @ covariance @ self.propagators[-1].T

    def drift(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.matrix)
        return mean[:d] - mean[d : 2 * d]

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """See `KernelForm`."""
        n, d, _ = self.propagators.shape
        means = mean.reshape(n + 1, d)[::-1]  # of the oldest state of a window first
        maps = [
            AffineMap.between_means(T, means[0], later) for T, later in zip(self.propagators, means[1:], strict=True)
        ]
        continuation = AffineMap.between_means(self.matrix, means[-2], means[-1])
        return PropagatorModel(
            advance=maps[0], propagators=tuple(maps), continuation=continuation, n_terms=1, **_leading(parts, d)
        )


Form = KernelForm | EmbeddingForm | PropagatorForm
Fit = Callable[[Array, int, float, int], Form]


def _leading(parts: dict[str, Any], n: int) -> dict[str, Any]:
    """Cut what describes the moments of a window to its first n variables; the caller says how many terms they are."""
    mean, factor = parts["history_mean"][:n], parts["history_factor"][:n, :n]
    rest = {name: part for name, part in parts.items() if name != "n_terms"}
    return {**rest, "history_mean": mean, "history_factor": factor}


def _kernels(method: Callable[[Array, int, float], Array]) -> Fit:
    return lambda covariance, n_terms, ridge, _: KernelForm(method(covariance, n_terms, ridge))


def _embedding(covariance: Array, n_terms: int, ridge: float, n_exponentials: int) -> Form:
    return EmbeddingForm(embedding_regression(covariance, n_terms, n_exponentials, ridge))


def _time_local(covariance: Array, n_terms: int, ridge: float, _: int) -> Form:
    scaled, back, W = _propagators(covariance, n_terms, ridge)
    step = tcl(scaled.transpose(0, 2, 1))[-1].T
    return PropagatorForm(mori(covariance, n_terms, ridge), back @ scaled @ W, back @ step @ W)


def _integrative(covariance: Array, n_terms: int, ridge: float, _: int) -> Form:
    scaled, back, W = _propagators(covariance, n_terms, ridge)
    step = scaled[0]
    if n_terms > 1:
        first = (n_terms + 1) // 2
        amplitude, row_step = igme(scaled.transpose(0, 2, 1), first)
        step = row_step.T
        late = [(amplitude @ np.linalg.matrix_power(row_step, n)).T for n in range(first, n_terms + 1)]
        scaled = np.concatenate([scaled[: first - 1], late])
    return PropagatorForm(mori(covariance, n_terms, ridge), back @ scaled @ W, back @ step @ W)


def _propagators(covariance: Array, n_terms: int, ridge: float) -> tuple[Array, Array, Array]:
    """Propagators of 1, ..., n_terms lags in coordinates where states have unit covariance, and the way back."""
    C = correlations(covariance, n_terms)
    W = whitening(C[0], ridge)
    back = (C[0] + ridge * np.eye(len(C[0]))) @ W.T
    return W @ C[1:] @ W.T, back, W


METHODS: dict[str, Fit] = {
    "regression": _kernels(regression),
    "mori": _kernels(mori),
    "qmsm": _kernels(quasi_markov),
    "igme": _integrative,
    "tcl": _time_local,
    "embedding": _embedding,
}
#: Methods that take correlations for those of a stationary process.
STATIONARY = frozenset({"mori", "qmsm", "igme", "tcl"})
#: Methods whose kernels do not leave the least noise: what they leave is correlated in time, and with the past.
NOT_WHITE = frozenset({"mori", "qmsm"})
