"""The two steps of the cascade whose derivatives torch finds with more work, or memory, than they take.

Only signals are kept for the way back: products with filters by blocks would keep, or fill with zeros, many times more.
Both can be differentiated again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def modulus(z: torch.Tensor) -> torch.Tensor:
    """``|z|``, whose derivative at zero is zero."""
    return _Modulus.apply(z)


def convolve(spectrum: torch.Tensor, batch: Any) -> torch.Tensor:
    """Filtered signals by a `FilterBatch`."""
    return _Convolve.apply(spectrum, batch)


class _Modulus(torch.autograd.Function):
    @staticmethod
    def forward(z: torch.Tensor) -> torch.Tensor:
        if z.device.type != "cpu":
            return z.abs()
        out = torch.empty(z.shape, dtype=z.real.dtype)
        np.abs(z.resolve_conj().numpy(), out=out.numpy())  # several times as fast as torch's
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        z, size = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            return gradient * z.sgn()
        scale = torch.where(size > 0, gradient / size, gradient.new_zeros(()))
        return torch.view_as_complex(torch.view_as_real(z) * scale[..., None])


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(spectrum: torch.Tensor, batch: Any) -> torch.Tensor:
        return batch.filtered(spectrum)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, Any], output: torch.Tensor) -> None:
        ctx.batch = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _Transpose.apply(gradient, ctx.batch), None


class _Transpose(torch.autograd.Function):
    @staticmethod
    def forward(gradient: torch.Tensor, batch: Any) -> torch.Tensor:
        dims = tuple(range(-len(batch.grid), 0))
        folded = torch.view_as_real(torch.fft.fftn(gradient, dim=dims, norm="forward"))
        n, before = gradient.shape[:2]
        n_blocks = int(np.prod(batch.ratios))
        out = folded.new_zeros((n, before, n_blocks, *batch.grid, 2))
        for which, values in batch.terms:
            if isinstance(which, int):
                _add_products(out[:, :, which], folded, values)
            else:
                out.index_add_(2, which, folded * values)
        d = len(dims)
        split = torch.view_as_complex(out).reshape(n, before, *batch.ratios, *batch.grid)
        axes = [axis for pair in zip(range(2, 2 + d), range(2 + d, 2 + 2 * d), strict=True) for axis in pair]
        source = [r * m for r, m in zip(batch.ratios, batch.grid, strict=True)]
        return split.permute(0, 1, *axes).reshape(n, before, *source)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, Any], output: torch.Tensor) -> None:
        ctx.batch = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _Convolve.apply(gradient, ctx.batch), None


def _add_products(out: torch.Tensor, signals: torch.Tensor, values: torch.Tensor) -> None:
    """Add the sum over filters of ``signals * values`` in place."""
    if out.device.type != "cpu":
        out += torch.sum(signals * values, dim=2)
        return
    for number in range(len(values)):  # on processors without a temporary array, which would leave the caches
        out.addcmul_(signals[:, :, number], values[number])
