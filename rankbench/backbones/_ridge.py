"""The inverse of a large positive definite matrix, in place and checked."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from rankbench.errors import UserError
from rankbench.randomness import bits

WRONG = 1e-6
"""How far the matrix times its inverse may be from the identity, on a vector of ±1."""

Vector = NDArray[np.float64]


def invert(
    matrix: NDArray[np.float64], reg: float, product: Callable[[Vector], Vector], name: str
) -> NDArray[np.float64]:
    r"""Return $(A + \lambda I)^{-1}$ (n, n) float64 by Cholesky's factors, written over A.

    Args:
        matrix: A (n, n) float64, symmetric, without negative eigenvalues.
        reg: λ > 0.
        product: the same A times a vector (n,), computed without the matrix: what the inverse is checked by.
        name: what to call it in an error.

    Raises:
        UserError: A + λI is too near to a singular matrix for float64.
    """
    np.fill_diagonal(matrix, np.diagonal(matrix) + reg)
    columns = torch.from_numpy(matrix).mT  # (n, n), the order that LAPACK works in: nothing is copied
    failed = torch.empty((), dtype=torch.int32)  # ()
    torch.linalg.cholesky_ex(columns, out=(columns, failed))
    wrong = np.inf
    if not failed.item():
        torch.cholesky_inverse(columns, out=columns)
        sign = np.where(bits(0, len(matrix)) & np.uint64(1), 1.0, -1.0)  # (n,)
        solved = matrix @ sign  # (n,)
        wrong = float(np.abs(product(solved) + reg * solved - sign).max(initial=0.0))
    if not wrong <= WRONG:
        raise UserError(
            f"{name}: reg = {reg:g} is too small: the matrix to invert is singular to float64 (error {wrong:.1g}).",
            f"Give a larger one, as in {name}:reg={max(1.0, 1000 * reg):g}.",
        )
    return matrix
