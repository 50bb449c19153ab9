"""What a softmax is given and gives where scores, loss and gradient are taken in one pass over each row."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rows(NamedTuple):
    r"""Rows of $\ell_b = \log \sum_j e^{\beta_b (s_{bj} - s_b) + o_{bj}}$ as float32 arrays.

    Args:
        neg: (b, N), the $s_{bj}$; None where they are still to be computed.
        pos: (b,), the $s_b$.
        beta: (b,), the $\beta_b$.
        offset: (b, N), the $o_{bj}$; None for 0.
        share: float32, what each loss counts.
        value: (b,), where the losses are written.
        of_pos: (b,), where the gradients of the $s_b$ are written.
    """

    neg: NDArray[Any] | None
    pos: NDArray[Any]
    beta: NDArray[Any]
    offset: NDArray[Any] | None
    share: np.float32
    value: NDArray[Any]
    of_pos: NDArray[Any]
