"""Pictures of fields, coefficients, forecasts and spectra, in the manner of scikit-learn's displays.

A display holds the numbers of one picture. Its class methods ``from_...`` compute them and draw nothing; its
method ``plot(ax=None)`` draws them on given or new axes, keeps those as ``ax_`` and ``figure_``, and returns the
display. Matplotlib is needed for `plot` only and comes with ``pip install "skmst[plot]"``.
"""

from skmst.plotting._coefficients import CoefficientsDisplay
from skmst.plotting._eigenvalues import EigenvaluesDisplay
from skmst.plotting._filter_bank import FilterBankDisplay
from skmst.plotting._forecast import ForecastDisplay
from skmst.plotting._memory import MemoryDisplay
from skmst.plotting._skill import SkillDisplay
from skmst.plotting._space_time import SpaceTimeDisplay

__all__ = [
    "CoefficientsDisplay",
    "EigenvaluesDisplay",
    "FilterBankDisplay",
    "ForecastDisplay",
    "MemoryDisplay",
    "SkillDisplay",
    "SpaceTimeDisplay",
]
