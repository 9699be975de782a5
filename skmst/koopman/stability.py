"""Growth that a model has and its data have not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.pairs import PairMoments
from skmst.koopman.spectrum import Spectrum

#: Amplification over the longest run from which on growth matters.
_AMPLIFIED = 10.0


def grows_without_cause(found: Spectrum, pairs: PairMoments, n_lags: float) -> NDArray[np.bool_]:
    """Tell eigenvalues that grow though their eigenfunctions did not grow in the data.

    Along a mode that grows, the mean square of the eigenfunction u grows by ``|lambda|^2`` from states to successors.
    Where an eigenvalue above 1 in modulus comes of noise, it stays what it was.

    Parameters
    ----------
    found : Spectrum
        Eigenpairs.
    pairs : PairMoments
        Moments of the states and successors that they were learned from.
    n_lags : float
        Lags in the longest run: growth below a factor of 10 over these is no matter.

    Returns
    -------
    ndarray of bool of shape (n_modes,)
        Which eigenvalues grow without cause.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.pairs import PairMoments
    >>> from skmst.koopman.spectrum import spectrum
    >>> from skmst.koopman.stability import grows_without_cause
    >>> K, G = np.diag([1.2, 1.1]), np.eye(2)
    >>> pairs = PairMoments(G, K, np.diag([1.44, 1.0]))  # the second component does not grow
    >>> grows_without_cause(spectrum(K, G, pairs.before, pairs.cross, pairs.after), pairs, 100)
    array([False,  True])
    """
    modulus = np.abs(found.eigenvalues)
    before, after = (((found.left @ m) * found.left.conj()).sum(axis=1).real for m in (pairs.before, pairs.after))
    seen = np.sqrt(np.divide(np.maximum(after, 0), before, out=np.full(len(before), np.inf), where=before > 0))
    with np.errstate(over="ignore"):
        return np.asarray((modulus**n_lags > _AMPLIFIED) & (seen < 1 + (modulus - 1) / 2))
