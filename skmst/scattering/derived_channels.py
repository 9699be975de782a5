"""Any transform of a vector field's components, its divergence and its vorticity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmst.scattering.encoding import Encoding, WithoutCaches, has_inverse
from skmst.scattering.vector_fields import with_derived, with_derived_transpose

#: Names of the channels by the number of dimensions.
CHANNELS = {
    1: ("u", "div"),
    2: ("u", "v", "div", "vort"),
    3: ("u", "v", "w", "div", "vortx", "vorty", "vortz"),
}


@dataclass(frozen=True)
class DerivedChannels(WithoutCaches):
    """Coefficients of the components of vector fields, of their divergence and of their vorticity.

    Derivatives are per grid step: spectral on periodic grids, differences else (`skmst.scattering.vector_fields`).

    Parameters
    ----------
    encoding : Encoding
        The transform of each channel, or of all 2, 4 or 7 together (1-D, 2-D, 3-D) if it couples channels.
    boundary : {"periodic", "reflect"}, default="periodic"
        How derivatives are taken at the edges.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering import DerivedChannels, Setting
    >>> x = np.random.default_rng(0).standard_normal((3, 2, 16, 16))
    >>> encoding = DerivedChannels(Setting((16, 16), J=2, L=2, max_order=1, T=4, output_step=4))
    >>> encoding.forward(x).shape
    (3, 20, 4, 4)
    >>> encoding.table()["name"][[0, 5, 10, 15]].tolist()
    ['u_s0', 'v_s0', 'div_s0', 'vort_s0']
    """

    encoding: Encoding
    boundary: str = "periodic"

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Grid of the fields."""
        return self.encoding.grid_shape

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for averages over the whole grid."""
        return self.encoding.output_grid

    @property
    def J(self) -> int:
        """Number of octaves."""
        return self.encoding.J

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex."""
        return self.encoding.is_complex

    @property
    def couples_channels(self) -> bool:
        """True: the components of a field belong together."""
        return True

    @property
    def invertible(self) -> bool:
        """Whether `inverse` exists: whether the transform of each component has one."""
        return has_inverse(self.encoding) and not self.encoding.couples_channels

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels: u, v, w, div and vort, or vortx, vorty, vortz."""
        return CHANNELS[len(self.grid_shape)]

    def table(self) -> dict[str, np.ndarray]:
        """The rows of the transform for each channel, one after the other, with its name in front and in ``channel``.

        A transform that couples channels numbers them itself, in the order of `channels`.
        """
        table = self.encoding.table()
        if self.encoding.couples_channels:
            return table
        rows = {key: np.tile(column, len(self.channels)) for key, column in table.items()}
        names = [f"{channel}_{name}" for channel in self.channels for name in table["name"]]
        return rows | {"name": np.array(names), "channel": np.repeat(self.channels, len(table["name"]))}

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Coefficients ``(n_samples, n_paths, *output_grid)`` of vector fields ``(n_samples, n_axes, *grid_shape)``."""
        found = self.encoding.forward(self._derived(x), n_jobs=n_jobs)
        return found.reshape(len(x), -1, *self.output_grid)

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``."""
        fields = self._derived(x)
        n_paths = gradient.shape[1] * len(x) // len(fields)
        back = self.encoding.pullback(fields, gradient.reshape(-1, n_paths, *self.output_grid), n_jobs=n_jobs)
        return with_derived_transpose(back.reshape(len(x), -1, *self.grid_shape), boundary=self.boundary)

    def inverse(self, coefficients: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Vector fields ``(n_samples, n_axes, *grid_shape)`` from the coefficients of their components."""
        n_samples, n_axes = len(coefficients), len(self.grid_shape)
        components = coefficients.reshape(n_samples, len(self.channels), -1)[:, :n_axes]
        fields: np.ndarray = self.encoding.inverse(  # type: ignore[attr-defined]
            components.reshape(n_samples * n_axes, -1), n_jobs=n_jobs
        )
        return fields.reshape(n_samples, n_axes, *self.grid_shape)

    def _derived(self, x: np.ndarray) -> np.ndarray:
        """All channels: ``(n_samples, n_channels, *grid)``, or one after the other where they are not coupled."""
        fields = with_derived(x, boundary=self.boundary)
        return fields if self.encoding.couples_channels else fields.reshape(-1, *self.grid_shape)
