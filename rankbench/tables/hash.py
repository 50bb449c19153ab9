"""Hashing: every id has one of M rows."""

import numpy as np
from numpy.typing import NDArray

from rankbench.tables.form import Form
from rankbench.tables.table import Ids, Table


class Hash(Table):
    r"""Hashing: every id has one of M rows, which it shares with the ids of the same hash.

    $$e_i = R_{h(i)}, \quad h(i) \in \{1, \dots, M\}$$

    Typed hash:M, with M in rows (hash:500) or in percent of the ids (hash:50%). The hash is a seeded 64-bit mix, so all
    ids collide alike, whatever their popularity: an id has its row for itself with probability $(1 - 1/M)^{n - 1}$.
    Items that share a row tie with each other in every list, and popular ones own the row by the number of their
    updates. Compare with full tables of fewer dimensions, too, which take as few bytes (--dim 32 for 64; it narrows
    users and items alike). Runs store rows, bytes and collision rates; `tie_rate` says how many places ties decide.

    Weinberger, Dasgupta, Langford, Smola, Attenberg: Feature hashing for large scale multitask learning. ICML 2009.
    """

    paper = "Weinberger et al., ICML 2009"

    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return M and the row of each id (n, 1)."""
        n_rows = form.sizes[0].of(len(ids))
        return n_rows, ids.hashed(n_rows)[:, None]
