"""The few array functions that the cascade needs, under the names that each array library has for them.

Arrays are told by their type: numpy, torch, cupy, and whatever follows the array API standard (jax, array-api-strict).
No library is imported here: whoever has an array has imported its library.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # of any library


@dataclass(frozen=True)
class Namespace:
    """A library that follows the array API standard.

    Attributes
    ----------
    xp : module
        The library.
    """

    xp: Any

    def put(self, values: np.ndarray, device: Any) -> Array:
        """A numpy array on a device; None is where the library puts arrays by itself."""
        return self.xp.asarray(values) if device is None else self.xp.asarray(values, device=device)

    def to_numpy(self, x: Array) -> np.ndarray:
        """A copy in the memory of the host."""
        return np.asarray(x)

    def largest(self, x: Array, axis: int) -> Array:
        """Maxima along an axis."""
        return self.xp.max(x, axis=axis)

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros in the dtype and on the device of another array."""
        return self.xp.zeros(shape, dtype=like.dtype, device=like.device)

    def fft(self, x: Array, ndim: int) -> Array:
        """Fourier transform over the last axes."""
        if not self.is_complex(x):  # the standard has transforms of complex numbers only
            x = self.xp.astype(x, self.xp.complex64 if x.dtype == self.xp.float32 else self.xp.complex128)
        return self.xp.fft.fftn(x, axes=trailing(ndim))

    def ifft(self, x: Array, ndim: int) -> Array:
        """Inverse Fourier transform over the last axes."""
        return self.xp.fft.ifftn(x, axes=trailing(ndim))

    def is_complex(self, x: Array) -> bool:
        """Whether numbers are complex."""
        return "complex" in str(x.dtype)

    def take(self, x: Array, indices: Array, axis: int) -> Array:
        """Entries along an axis."""
        return self.xp.take(x, indices, axis=axis)

    def permute(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Axes in another order."""
        return self.xp.permute_dims(x, axes)

    def parts(self, z: Array) -> Array:
        """Real and imaginary part on a new last axis."""
        return self.xp.stack([self.xp.real(z), self.xp.imag(z)], axis=-1)

    def filter_values(self, hat: np.ndarray, device: Any) -> Array:
        """Real filters in the form that `filtered` takes."""
        return self.put(hat, device)

    def add_product(self, total: Array | None, spectrum: Array, hat: Array) -> Array:
        """``total + spectrum * hat`` for a complex spectrum and a real filter; the total may be overwritten."""
        return spectrum * hat if total is None else total + spectrum * hat

    def convolve(self, spectrum: Array, batch: Any) -> Array:
        """``batch.filtered(spectrum)``, in a form that can be differentiated."""
        return batch.filtered(spectrum)

    def modulus(self, z: Array) -> Array:
        """``|z|``."""
        return self.xp.abs(z)

    def constant(self, x: Array) -> Array:
        """x, for automatic differentiation a constant."""
        return x

    def is_known(self, x: Array) -> bool:
        """Whether x holds numbers, and does not stand for those of a program that is being traced."""
        return True

    def gradient(self, function: Any, x: Array, weights: Array) -> Array:
        """Derivative by x of ``sum(Re(conj(weights) function(x)))``."""
        raise NotImplementedError(
            f"{self.xp.__name__} does not differentiate: call pullback with numpy arrays, or use torch or jax."
        )


class Numpy(Namespace):
    """numpy, and cupy, whose names are the same."""

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        return self.xp.zeros_like(like, shape=shape)

    def put(self, values: np.ndarray, device: Any) -> Array:
        if device is None or self.xp is np:
            return self.xp.asarray(values)
        with device:
            return self.xp.asarray(values)

    def to_numpy(self, x: Array) -> np.ndarray:
        return x if self.xp is np else self.xp.asnumpy(x)

    def fft(self, x: Array, ndim: int) -> Array:
        return self.xp.fft.fftn(x, axes=trailing(ndim))

    def permute(self, x: Array, axes: tuple[int, ...]) -> Array:
        return self.xp.transpose(x, axes)


class Jax(Namespace):
    """jax.numpy; functions may be traced, compiled and differentiated."""

    def put(self, values: np.ndarray, device: Any) -> Array:
        return values  # a constant of numpy's: arrays made while tracing must not outlive the trace

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        return self.xp.zeros(shape, dtype=like.dtype)

    def fft(self, x: Array, ndim: int) -> Array:
        return self.xp.fft.fftn(x, axes=trailing(ndim))

    def constant(self, x: Array) -> Array:
        return sys.modules["jax"].lax.stop_gradient(x)

    def is_known(self, x: Array) -> bool:
        return not isinstance(x, sys.modules["jax"].core.Tracer)

    def gradient(self, function: Any, x: Array, weights: Array) -> Array:
        _, back = sys.modules["jax"].vjp(function, x)
        (found,) = back(self.xp.conj(weights))  # its convention is the conjugate of ours
        return self.xp.conj(found)


class Torch(Namespace):
    """torch, on any of its devices, with automatic differentiation."""

    def put(self, values: np.ndarray, device: Any) -> Array:
        return self.xp.tensor(values, device=device)

    def to_numpy(self, x: Array) -> np.ndarray:
        return x.detach().resolve_conj().cpu().numpy()

    def largest(self, x: Array, axis: int) -> Array:
        return x.amax(axis)

    def fft(self, x: Array, ndim: int) -> Array:
        return self.xp.fft.fftn(x, dim=trailing(ndim))

    def ifft(self, x: Array, ndim: int) -> Array:
        return self.xp.fft.ifftn(x, dim=trailing(ndim))

    def is_complex(self, x: Array) -> bool:
        return x.is_complex()

    def take(self, x: Array, indices: Array, axis: int) -> Array:
        return self.xp.index_select(x, axis, indices)

    def permute(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.permute(axes)

    def parts(self, z: Array) -> Array:
        return self.xp.view_as_real(z.resolve_conj())

    def filter_values(self, hat: np.ndarray, device: Any) -> Array:
        # Products run over real and imaginary parts as real numbers: torch would first turn the filter complex.
        return self.put(np.stack([hat, hat], axis=-1), device)

    def add_product(self, total: Array | None, spectrum: Array, hat: Array) -> Array:
        parts = self.parts(spectrum)
        if total is None:
            return self.xp.view_as_complex(parts * hat)
        self.xp.view_as_real(total).addcmul_(parts, hat)
        return total

    def convolve(self, spectrum: Array, batch: Any) -> Array:
        from skmst.scattering.engines.torch_functions import convolve  # it imports torch

        return convolve(spectrum, batch)

    def modulus(self, z: Array) -> Array:
        from skmst.scattering.engines.torch_functions import modulus

        return modulus(z)

    def constant(self, x: Array) -> Array:
        return x.detach()

    def is_known(self, x: Array) -> bool:
        return x.device.type != "meta"

    def gradient(self, function: Any, x: Array, weights: Array) -> Array:
        leaf = x.detach().requires_grad_()
        with self.xp.enable_grad():
            found = function(leaf)
        return self.xp.autograd.grad(found, leaf, weights.to(found.dtype))[0]


def trailing(ndim: int) -> tuple[int, ...]:
    """The last axes."""
    return tuple(range(-ndim, 0))


def namespace_of(x: Any) -> Namespace | None:
    """The library of an array; None for what is no array of a known one."""
    library = type(x).__module__.split(".")[0]
    if library == "torch":
        return Torch(sys.modules["torch"])
    if library in ("numpy", "cupy") and hasattr(x, "dtype"):
        return Numpy(sys.modules[library])
    if library == "dask" or not hasattr(x, "__array_namespace__"):
        return None
    xp = x.__array_namespace__()
    return Jax(xp) if xp.__name__.split(".")[0] == "jax" else Namespace(xp)


def is_foreign(x: Any) -> bool:
    """Whether x is an array of another library than numpy."""
    return not isinstance(x, np.ndarray) and namespace_of(x) is not None and not isinstance(x, np.generic)


def on_device_of(x: Array, values: np.ndarray) -> Array:
    """A numpy array in the library and on the device of another array."""
    ns = namespace_of(x)
    assert ns is not None
    return ns.put(values, device_of(x))


def device_of(x: Array) -> Any:
    """Where an array is; None for those of a program that is being traced."""
    device = getattr(x, "device", None)
    return None if callable(device) else device


def to_numpy(x: Array) -> np.ndarray:
    """An array of any library in the memory of the host."""
    ns = namespace_of(x)
    return np.asarray(x) if ns is None else ns.to_numpy(x)


def real_dtype(x: Array) -> np.dtype:
    """Precision of an array, float32 or float64; TypeError for any other."""
    name = str(x.dtype).split(".")[-1]
    if name not in (names := {"float32": "f4", "float64": "f8", "complex64": "f4", "complex128": "f8"}):
        raise TypeError(f"x has dtype {x.dtype}: make it float32 or float64 (complex64 or complex128) first.")
    return np.dtype(names[name])
