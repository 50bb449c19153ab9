"""Frequency-based double hashing: frequent ids have rows of their own, the others are hashed."""

import numpy as np
from numpy.typing import NDArray

from rankbench.randomness import bits, key
from rankbench.tables.form import Form
from rankbench.tables.table import NONE, Ids, Table


class FreqDouble(Table):
    r"""Frequency-based double hashing: the k most frequent ids have rows of their own, the others are double-hashed.

    $$e_i = R_i \text{ for the } k \text{ most frequent}, \quad e_i = H_{h_1(i)} + H_{h_2(i)} \text{ for the others}$$

    Typed freqdouble:k,M, with k and M in rows or in percent of the ids, as in freqdouble:10%,40%: k + M rows. How
    frequent an id is, is its number of train interactions; equals are ordered by a seeded key.

    Zhang, Liu, Xie, Ktena, Tejani, Gupta, Myana, Dilipkumar, Paul, Ihara, Upadhyaya, Huszar, Shi: Model size reduction
    using frequency based double hashing for recommender systems. RecSys 2020, arXiv 2007.14523.
    """

    paper = "Zhang et al., RecSys 2020, arXiv 2007.14523"

    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return k + M and the rows of each id (n, 2): those of its own first, then those that are shared."""
        own, shared = (size.of(len(ids)) for size in form.sizes)
        own = min(own, len(ids))
        chance = bits(key(ids.seed, "tables", ids.side, 2), len(ids))  # (n,)
        frequent = np.lexsort((chance, -ids.counts))[:own]  # (k,)
        used = own + np.stack([ids.hashed(shared, 0), ids.hashed(shared, 1)], axis=1)  # (n, 2)
        used[frequent] = np.stack([np.arange(own), np.full(own, NONE)], axis=1)
        return own + shared, used
