"""Averages over rotations: invariance under the rotations that the grid has, and what is left of the paths."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering.averages import Groups
from skmst.scattering.branching import Branching, Ratios
from skmst.scattering.cascade import Setting
from skmst.scattering.phase_harmonics import PhaseHarmonics
from skmst.scattering.rotation import RotationAverage
from skmst.scattering.scattering_spectra import ScatteringSpectra
from skmst.scattering.statistics import Energies
from tests.scattering.differences import assert_gradient

# No field here has energy at a frequency that is its own mirror image, so rotations by 90 degrees are exact: odd grids
# have none, and mirrored fields vanish there.
PLANE = {
    "scattering": Setting((21, 21), J=3, L=4, wavelet="tight"),
    "Morlet": Setting((21, 21), J=2, L=6),
    "ratios": Ratios(Setting((21, 21), J=3, L=2, wavelet="tight")),
    "energies": Energies((21, 21), J=3, L=4),
    "branching": Branching((21, 21), J=2, L=4),
    "spectra": ScatteringSpectra((21, 21), J=3, L=4),
    "mirrored": ScatteringSpectra((10, 10), J=2, L=2, boundary="reflect"),
    "channels": ScatteringSpectra((15, 15), J=2, L=2, n_channels=2),
    "harmonics": PhaseHarmonics((21, 21), J=3, L=4),
}
SPACE = {
    "axes": ScatteringSpectra((9, 9, 9), J=2, L=3),
    "diagonals": Setting((9, 9, 9), J=2, L=4, wavelet="tight"),
}


def fields(encoding, rng):
    channels = (encoding.n_channels,) if encoding.couples_channels else ()
    return 0.3 + rng.standard_normal((2, *channels, *encoding.grid_shape))


@pytest.mark.parametrize("encoding", PLANE.values(), ids=PLANE)
def test_quarter_turns_change_nothing(encoding, rng):
    x, average = fields(encoding, rng), RotationAverage(encoding)
    turned = np.rot90(x, axes=(-2, -1))
    assert_allclose(average.forward(turned), average.forward(x), rtol=1e-11, atol=1e-12)
    assert np.abs(encoding.forward(turned) - encoding.forward(x)).max() > 0.01


@pytest.mark.parametrize("encoding", SPACE.values(), ids=SPACE)
@pytest.mark.parametrize("axes", [(1, 2), (2, 3), (1, 3)])
def test_quarter_turns_in_space_change_nothing(encoding, axes, rng):
    x, average = fields(encoding, rng), RotationAverage(encoding)
    assert_allclose(average.forward(np.rot90(x, axes=axes)), average.forward(x), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("encoding", [*PLANE.values(), *SPACE.values()], ids=[*PLANE, *SPACE])
def test_gradients_are_central_differences(encoding, rng):
    assert_gradient(RotationAverage(encoding), fields(encoding, rng), rng)


def test_first_order_keeps_scales_and_second_order_relative_angles():
    J, L = 3, 4
    table = RotationAverage(PLANE["scattering"]).table()
    counts = [int((table["order"] == order).sum()) for order in (0, 1, 2)]
    assert counts == [1, J, L * J * (J - 1) // 2]
    assert (table["l1"][table["order"] == 1] == 0).all()
    assert set(zip(table["l1"][table["order"] == 2], table["l2"][table["order"] == 2], strict=True)) == {
        (0, l) for l in range(L)
    }


def test_averages_are_over_pairs_at_one_angle(rng):
    setting = PLANE["scattering"]
    x, table = fields(setting, rng), setting.table()
    values, average = setting.forward(x), RotationAverage(setting)
    averaged, short = average.forward(x), average.table()
    for row, (j1, j2, l2) in enumerate(zip(short["j1"], short["j2"], short["l2"], strict=True)):
        same = (table["j1"] == j1) & (table["j2"] == j2)
        if l2 >= 0:
            same &= (table["l2"] - table["l1"]) % 4 == l2
        assert_allclose(averaged[:, row], values[:, same].mean(axis=1), rtol=1e-12)


def test_pairs_of_axes_in_space_are_told_apart_by_their_angle():
    # Cube diagonals: one angle between different axes, so parallel or not.
    table = RotationAverage(SPACE["diagonals"]).table()
    assert [int((table["order"] == order).sum()) for order in (0, 1, 2)] == [1, 2, 2]


def test_local_coefficients_keep_their_grid(rng):
    setting = Setting((16, 16), J=2, L=2, T=4, wavelet="tight", output_step=2)
    x = rng.standard_normal((2, 16, 16))
    average = RotationAverage(setting)
    assert average.forward(x).shape == (2, len(average.table()["name"]), 8, 8)
    first = setting.table()["order"] == 1
    expected = setting.forward(x)[:, first].reshape(2, 2, 2, 8, 8).mean(axis=2)
    assert_allclose(average.forward(x)[:, average.table()["order"] == 1], expected, rtol=1e-12)


def test_what_cannot_be_turned_is_refused():
    with pytest.raises(ValueError, match="two or three dimensions"):
        RotationAverage(Energies((64,), J=3))
    with pytest.raises(ValueError, match="translations along grid axes"):
        RotationAverage(PhaseHarmonics((16, 16), J=2, L=2, n_shifts=1))
    with pytest.raises(ValueError, match="complex and local"):
        RotationAverage(Setting((16, 16), J=2, L=2, T=4, rectifier="heisenberg"))
    with pytest.raises(ValueError, match="mirror images"):
        RotationAverage(Setting((16, 16), J=2, L=2, rectifier="heisenberg"))


def test_groups_average_what_has_one_label():
    groups = Groups.by(["a", "b", "a", "c"])
    values = np.array([[1.0, 2.0, 5.0, 4.0]])
    assert_allclose(groups.mean(values), [[3.0, 2.0, 4.0]])
    assert_allclose(groups.mean_pullback(np.array([[2.0, 1.0, 7.0]])), [[1.0, 1.0, 1.0, 7.0]])
    assert groups.mean(values[:, :, None] * np.ones(6)).shape == (1, 3, 6)
    assert groups.mean(values.astype(np.complex64)).dtype == np.complex64


def test_a_rectifier_that_takes_no_conjugates_to_conjugates_is_refused():
    # Half a turn changes the sign of -arg z, the real part of the printed Heisenberg form.
    for name, fits in {"heisenberg": True, "phase_harmonics": True, "heisenberg_v4": False}.items():
        setting = Setting((33, 33), 2, L=4, wavelet="tight", max_order=1, rectifier=name)
        if fits:
            x = np.random.default_rng(0).standard_normal((1, 33, 33))
            average = RotationAverage(setting)
            assert_allclose(average.forward(np.rot90(x, axes=(1, 2))), average.forward(x), atol=1e-12)
        else:
            with pytest.raises(ValueError, match="conjugates"):
                RotationAverage(setting)
