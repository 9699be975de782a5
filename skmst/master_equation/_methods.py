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
from skmst.master_equation.stationarity import StationarityTest
from skmst.master_equation.time_local import slow_step
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import whitening
from skmst.utils.propagator_model import EmbeddedModel, PropagatorModel

Array = NDArray[np.float64]


class _Kernels:
    """What forms have because they have kernels."""

    kernels: Array
    matrix: Array
    #: Whether steps leave the directions that windows of the data have.
    leaves_data = False

    def level(self, mean: Array) -> Array:
        """Variables before a step, given the mean window."""
        raise NotImplementedError

    def drift(self, mean: Array) -> Array:
        """Change of the mean of the variables over a step, given the mean window."""
        raise NotImplementedError

    def intercept(self, mean: Array) -> Array:
        """Constant of the equation, given the mean window."""
        n_terms, d, _ = self.kernels.shape
        present = mean[d:].reshape(-1, d)[:n_terms]
        return np.asarray(mean[:d] - np.einsum("lij,lj->i", self.kernels, present))

    def kernels_about_zero(self, mean: Array) -> Array:
        """Kernels that need no constant, of states that sum to one."""
        kernels = self.kernels.copy()
        kernels[0] += self.intercept(mean)[:, None]
        return kernels

    def time_local(self, mean: Array) -> Array | None:
        """Step of states that sum to one once memory has died out; None where there is none."""
        start, matrix = self.level(mean), self.matrix.copy()
        # With the constant in it, which acts on what sums to one.
        matrix[:, : self.kernels.shape[1]] += (self.drift(mean) + start - matrix @ start)[:, None]
        return slow_step(matrix, self.kernels.shape[1])


@dataclass(frozen=True)
class KernelForm(_Kernels):
    """A sum over the window: ``x_{t+lag} = sum_l Omega_l x_{t-l*lag}``.

    Where `whole` is given, it steps all of the window, and the kernels are its leading rows.
    """

    kernels: Array
    whole: Array | None = None

    @property
    def matrix(self) -> Array:  # type: ignore[override]
        """What steps the variables of the form."""
        return companion_matrix(self.kernels) if self.whole is None else self.whole

    @property
    def encoder(self) -> Array:
        """What takes a window to the variables of the form."""
        return np.eye(self.kernels.shape[0] * self.kernels.shape[1])

    @property
    def leaves_data(self) -> bool:  # type: ignore[override]
        """Whether steps leave the directions that windows of the data have."""
        return self.whole is not None

    @property
    def one_step(self) -> Array:
        """Kernels of a forecast over one lag."""
        return self.kernels

    def rest(self, mean: Array) -> Array:
        """State where forecasts end, given the mean window."""
        d = self.kernels.shape[1]
        present = mean[d : 2 * d]
        if self.whole is not None:
            return present + stationary_shift(self.whole, self.drift(mean))[:d]
        apart = mean[d:].reshape(-1, d)[: len(self.kernels)] - present
        step = mean[:d] - present - np.einsum("lij,lj->i", self.kernels, apart)
        return present + stationary_shift(self.kernels.sum(axis=0), step)

    def with_memory(self, fraction: float, markov: Array) -> KernelForm:
        """Mix with the model without memory."""
        kernels = fraction * self.kernels
        kernels[0] += (1 - fraction) * markov
        return KernelForm(kernels)

    def stepped_by(self, matrix: Array) -> KernelForm:
        """Give the form another matrix."""
        n_terms, d, _ = self.kernels.shape
        return KernelForm(matrix[:d].reshape(d, n_terms, d).transpose(1, 0, 2), matrix)

    def start(self, covariance: Array) -> Array:
        """Covariance of the variables when the matrix starts to act, given that of windows."""
        return covariance

    def level(self, mean: Array) -> Array:
        """Variables before a step, given the mean window."""
        return mean[self.kernels.shape[1] :][: len(self.matrix)]

    def drift(self, mean: Array) -> Array:
        """Change of the mean of the variables over a step, given the mean window."""
        return mean[: -self.kernels.shape[1]][: len(self.matrix)] - mean[self.kernels.shape[1] :][: len(self.matrix)]

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """Make the model that forecasts, given the mean window and the other parts of a `DelayModel`."""
        n_terms, d, _ = self.kernels.shape
        rows = d if self.whole is None else len(self.whole)
        advance = AffineMap.between_means(self.matrix[:rows], mean[d:], mean[:rows])
        return DelayModel(advance=advance, n_terms=n_terms, **leading(parts, n_terms * d))


@dataclass(frozen=True)
class EmbeddingForm(_Kernels):
    """Memory variables: a Markov embedding. They go on beyond the window, and so out of the directions it has."""

    leaves_data = True

    embedding: Embedding

    @property
    def kernels(self) -> Array:  # type: ignore[override]
        """Kernels within a window."""
        return self.embedding.kernels

    @property
    def matrix(self) -> Array:  # type: ignore[override]
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

    def stepped_by(self, matrix: Array) -> EmbeddingForm:
        """See `KernelForm`."""
        d = len(self.embedding.coefficients)
        return EmbeddingForm(replace(self.embedding, coefficients=matrix[:d], matrix=matrix))

    def start(self, covariance: Array) -> Array:
        """See `KernelForm`."""
        return self.encoder @ covariance @ self.encoder.T

    def drift(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.embedding.coefficients)
        return self._padded(mean[:d] - mean[d : 2 * d])

    def level(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.embedding.coefficients)
        return self._padded(mean[d : 2 * d])

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """See `KernelForm`."""
        d, n_terms = len(self.embedding.coefficients), self.embedding.basis.shape[1]
        n = n_terms * d
        # A memory variable starts from the window's deviation from the mean window and grows from there.
        return EmbeddedModel(
            encode=AffineMap.between_means(self.encoder, mean[d : d + n], self.level(mean)),
            advance=AffineMap.between_means(self.matrix, self.level(mean), self._padded(mean[:d])),
            n_terms=n_terms,
            **leading(parts, n),
        )

    def _padded(self, mean: Array) -> Array:
        level = np.zeros(len(self.matrix))
        level[: len(mean)] = mean
        return level


@dataclass(frozen=True)
class PropagatorForm(_Kernels):
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

    def stepped_by(self, matrix: Array) -> PropagatorForm:
        """See `KernelForm`."""
        return replace(self, matrix=matrix)

    def start(self, covariance: Array) -> Array:
        """See `KernelForm`; the matrix starts where the propagators end."""
        return self.propagators[-1] @ covariance @ self.propagators[-1].T

    def level(self, mean: Array) -> Array:
        """See `KernelForm`."""
        d = len(self.matrix)
        return mean[d : 2 * d]

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
            advance=maps[0], propagators=tuple(maps), continuation=continuation, n_terms=1, **leading(parts, d)
        )


Form = KernelForm | EmbeddingForm | PropagatorForm
Fit = Callable[[Array, int, float, int], Form]


def leading(parts: dict[str, Any], n: int) -> dict[str, Any]:
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


def not_stationary(method: str, test: StationarityTest) -> str:
    """The warning that data which a method takes for stationary are not."""
    return (
        f"method={method!r} takes the data for stationary, but between the early and the late half of the runs a mean "
        f"moves by {test.drift:.2g} standard deviations or a variance changes by a factor of {test.variance_ratio:.2g} "
        "(skmst.master_equation.stationarity_test): use method='regression', or leave the transient out."
    )
