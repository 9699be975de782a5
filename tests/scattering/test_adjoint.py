"""Gradients of the cascade against finite differences, automatic differentiation and transposes of linear parts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering.cascade import plan
from skmst.scattering.filtering import embed, transform, transpose_embed, transpose_transform
from skmst.scattering.rectifiers import RECTIFIERS
from skmst.scattering.setting import Setting
from tests.scattering.reference import filters

CASES = {
    "1-D": dict(grid_shape=(32,), J=3),
    "odd, Q": dict(grid_shape=(65,), J=3, Q=(2, 2)),
    "third order, critical": dict(grid_shape=(32,), J=3, max_order=3, oversampling=0),
    "first order": dict(grid_shape=(32,), J=3, max_order=1),
    "order zero": dict(grid_shape=(32,), J=3, max_order=0),
    "kymatio's paths": dict(grid_shape=(64,), J=4, rule="kymatio", oversampling=0),
    "all paths": dict(grid_shape=(32,), J=3, rule="all", oversampling=0),
    "mirrored": dict(grid_shape=(40,), J=3, boundary="reflect", oversampling=0),
    "mirrored in part": dict(grid_shape=(400,), J=2, boundary="reflect", oversampling=1, max_order=1),
    "upsampled": dict(grid_shape=(32,), J=3, oversampling=1, upsample=2),
    "upsampled, odd, mirrored": dict(grid_shape=(17,), J=2, upsample=4, boundary="reflect"),
    "2-D": dict(grid_shape=(16, 12), J=2, L=3, oversampling=1),
    "2-D, mirrored": dict(grid_shape=(9, 12), J=2, L=2, boundary="reflect"),
    "2-D, upsampled": dict(grid_shape=(15, 12), J=2, L=2, upsample=2, rule="all", oversampling=0),
    "3-D": dict(grid_shape=(6, 8, 5), J=2, L=3, oversampling=0),
}
AVERAGES = {"global": {}, "local": dict(T=4, output_step=2), "none": dict(T=1, output_step=3)}
RECTIFIED = [dict(rectifier=name) for name in RECTIFIERS]
RECTIFIED += [dict(rectifier=name, complex_fields=True) for name, r in RECTIFIERS.items() if r.keeps_phase]


def draw(rng, shape, is_complex):
    return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0.0)


def error_of_the_gradient(setting, rng):
    """Difference of a directional derivative from the five-point difference quotient, over the gradient's norm."""
    x = draw(rng, (2, *setting.grid_shape), setting.complex_fields)
    weights = draw(rng, setting.forward(x).shape, setting.is_complex)
    gradient = setting.pullback(x, weights)
    assert gradient.shape == x.shape
    assert gradient.dtype == x.dtype
    direction = draw(rng, x.shape, setting.complex_fields)
    direction /= np.linalg.norm(direction)

    def value(t):
        return np.sum((np.conj(weights) * setting.forward(x + t * direction)).real)

    # Small enough that hardly any signal crosses a cut of a rectifier on the way.
    h = 2e-6 if setting.rectifier.startswith("heisenberg") else 1e-4
    slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
    return abs(np.sum((np.conj(gradient) * direction).real) - slope) / np.linalg.norm(gradient)


def lies_on_a_cut(case, rectified):
    """Mirrored fields make signals real at the mirror, a point of finer grids: there the Heisenberg forms jump."""
    return case == "upsampled, odd, mirrored" and rectified["rectifier"].startswith("heisenberg")


@pytest.mark.parametrize(
    ("case", "rectified"),
    [(case, rectified) for case in sorted(CASES) for rectified in RECTIFIED if not lies_on_a_cut(case, rectified)],
)
@pytest.mark.parametrize("average", sorted(AVERAGES))
def test_gradients_are_those_of_finite_differences(case, average, rectified, rng):
    for wavelet in ("morlet", "tight"):
        setting = Setting(**CASES[case], **AVERAGES[average], **rectified, wavelet=wavelet)
        assert error_of_the_gradient(setting, rng) <= 1e-6


def torch_cascade(torch, x, setting):
    """The definition with torch, full grids, global averages."""
    axes = tuple(range(1, x.ndim))
    psi = [torch.from_numpy(np.asarray(layer)) for layer in filters(setting)[0]]

    def rectify(z):
        modulus, angle = torch.abs(z), torch.angle(z)
        w = z * (2 / np.pi)
        return {
            "modulus": lambda: modulus,
            "log_modulus": lambda: torch.log1p(modulus),
            "phase_harmonics": lambda: z * z / modulus,
            "heisenberg": lambda: -1j * torch.log(1j * w + torch.sqrt(1 - w) * torch.sqrt(1 + w)),
            "heisenberg_v4": lambda: -angle + 1j * torch.log1p(modulus),
        }[setting.rectifier]()

    signals, coefficients = {(): x}, []
    for path in setting.paths():
        if path:
            hat = psi[min(len(path), 2) - 1][path[-1]]
            signals[path] = rectify(torch.fft.ifftn(torch.fft.fftn(signals[path[:-1]], dim=axes) * hat, dim=axes))
        coefficients.append(signals[path].mean(dim=axes).to(torch.complex128))
    return torch.stack(coefficients, dim=1)


@pytest.mark.parametrize("rectified", RECTIFIED, ids=lambda r: "-".join(map(str, r.values())))
@pytest.mark.parametrize("grid", [dict(grid_shape=(48,), J=4, max_order=3), dict(grid_shape=(12, 10), J=2, L=3)])
def test_gradients_are_those_of_automatic_differentiation(grid, rectified, rng):
    torch = pytest.importorskip("torch")
    setting = Setting(**grid, **rectified, wavelet="tight")
    x = draw(rng, (2, *setting.grid_shape), setting.complex_fields)
    weights = draw(rng, setting.forward(x).shape, setting.is_complex)
    leaf = torch.from_numpy(x).requires_grad_()
    coefficients = torch_cascade(torch, leaf, setting)
    assert_allclose(coefficients.detach().numpy(), setting.forward(x), atol=1e-12)
    torch.sum((torch.conj(torch.from_numpy(weights).to(torch.complex128)) * coefficients).real).backward()
    expected = leaf.grad.numpy()
    assert_allclose(setting.pullback(x, weights), expected, atol=1e-10 * np.linalg.norm(expected))


def same_products(forward, transpose, x, y):
    assert np.vdot(forward(x), y).real == pytest.approx(np.vdot(x, transpose(y)).real, rel=1e-10)


@pytest.mark.parametrize("case", sorted(set(CASES) - {"order zero"}))
def test_linear_parts_and_their_transposes_have_the_same_products(case, rng):
    ready = plan(Setting(**CASES[case], T=4, output_step=2), np.dtype(float))
    for branch in ready.branches:
        filtering, pooling = branch.filters, branch.pooling
        spectrum = draw(rng, (2, 3, *filtering.source), True)
        signal = draw(rng, (2, 3, len(filtering.indices), *filtering.grid), True)
        same_products(filtering.convolve, filtering.transpose, spectrum, signal)
        hat, ndim = transform(signal, len(filtering.grid)), len(filtering.grid)
        same_products(lambda u, n=ndim: transform(u, n), lambda g, n=ndim: transpose_transform(g, n), signal, hat)
        pooled = draw(rng, pooling(signal).shape, True)
        same_products(lambda hat, p=pooling, u=signal: p(u, hat), lambda g, p=pooling: p.transpose(g)[1], hat, pooled)


@pytest.mark.parametrize("grid", [(6,), (7,), (4, 5)])
@pytest.mark.parametrize("nyquist", [0.5, 1.0])
def test_the_transpose_of_zero_padding(grid, nyquist, rng):
    hat = rng.standard_normal((2, *grid))
    fine = embed(hat, 4, nyquist)
    assert fine.shape[1:] == tuple(4 * n for n in grid)
    other = rng.standard_normal(fine.shape)
    assert np.vdot(fine, other) == pytest.approx(np.vdot(hat, transpose_embed(other, grid, nyquist)))


@pytest.mark.parametrize("rectifier", sorted(RECTIFIERS))
def test_precision_threads_and_batches_do_not_matter(rectifier, rng):
    setting = Setting((48,), 4, T=8, output_step=2, oversampling=1, rectifier=rectifier)
    x = rng.standard_normal((600, 48))
    weights = draw(rng, setting.forward(x).shape, setting.is_complex)
    gradient = setting.pullback(x, weights)
    assert_allclose(setting.pullback(x, weights, n_jobs=2), gradient, rtol=1e-12, atol=1e-12)
    assert_allclose(setting.pullback(x[7:9], weights[7:9]), gradient[7:9], rtol=1e-9, atol=1e-12)
    single = setting.pullback(x[:2].astype(np.float32), weights[:2])
    assert single.dtype == np.float32
    assert np.linalg.norm(single - gradient[:2]) <= 2e-4 * np.linalg.norm(gradient[:2])


def test_gradients_at_zero_and_constant_fields_are_finite():
    for rectifier in RECTIFIERS:
        setting = Setting((16,), 2, rectifier=rectifier)
        for value in (0.0, 3.0):
            x = np.full((1, 16), value)
            assert np.isfinite(setting.pullback(x, np.ones_like(setting.forward(x)))).all()


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="gradient has shape"):
        Setting((16,), 2).pullback(np.zeros((1, 16)), np.zeros((1, 3)))
