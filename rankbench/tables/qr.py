"""Quotient and remainder: an id has a row for each, and its pair of rows is its own."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rankbench.backbones import initial
from rankbench.errors import UserError
from rankbench.tables.form import Form
from rankbench.tables.table import Ids, Table


class QR(Table):
    r"""Quotient and remainder: an id has a row for each, and its pair of rows is its own.

    $$e_i = R_{i \mathrm{ mod } M} \circ Q_{\lfloor i / M \rfloor}, \quad
      \circ \in \{+, \times, \text{concatenation}\}$$

    Typed qr:M, qr:M:mul or qr:M:concat, with M in rows or in percent of the ids: M rows for remainders and $n / M$,
    rounded up, for quotients. No two ids collide. Sums obey $e(q_1, r_1) + e(q_2, r_2) = e(q_1, r_2) + e(q_2, r_1)$,
    a restriction of rank that products and concatenations do not have in this form. Rows are as wide as vectors, half
    as wide for concat. For mul, the rows of quotients start from N(0, 1), those of remainders as `init` says (ours).

    Shi, Mudigere, Naumov, Yang: Compositional embeddings using complementary partitions for memory-efficient
    recommendation systems. KDD 2020, arXiv 1909.02107.
    """

    paper = "Shi et al., KDD 2020, arXiv 1909.02107"

    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return M + ceil(n / M) and the rows of each id (n, 2): that of the remainder, that of the quotient."""
        M, every = form.sizes[0].of(len(ids)), np.arange(len(ids))
        return M - (-len(ids) // M), np.stack([every % M, M + every // M], axis=1)

    def initial_rows(self, n_rows: int, dim: int, init: str, generator: torch.Generator) -> nn.Parameter:
        """Return the rows (R, d), for concat (R, d / 2), that training begins with."""
        composition, M = self.form.composition, self.form.sizes[0].of(len(self.used))
        if composition == "add":
            return super().initial_rows(n_rows, dim, init, generator)  # (R, d)
        if composition == "mul":
            remainder = initial(M, dim, init, generator).detach()  # (M, d)
            quotient = initial(n_rows - M, dim, "normal", generator).detach()  # (Q, d)
            return nn.Parameter(torch.cat([remainder, quotient]))  # (R, d)
        if dim % 2:
            raise UserError(
                f"{self.form} makes vectors of two halves; {dim} dimensions have none.",
                "Choose an even --dim, or the sum of the rows, as in qr:50%.",
            )
        return initial(n_rows, dim // 2, init, generator)  # (R, d / 2)

    def forward(self) -> Tensor:
        """Return the vectors of all ids (n, d)."""
        if self.form.composition == "add":
            return super().forward()  # (n, d)
        remainder, quotient = self.gathered(0), self.gathered(1)  # (n, d), (n, d), or halves of them
        if self.form.composition == "mul":
            return remainder * quotient  # (n, d)
        return torch.cat([remainder, quotient], dim=1)  # (n, d)
