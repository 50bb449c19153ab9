"""Double hashing: every id is the sum of two rows."""

import numpy as np
from numpy.typing import NDArray

from rankbench.tables.form import Form
from rankbench.tables.table import Ids, Table


class Double(Table):
    r"""Double hashing: every id is the sum of two of M rows, by two independent hash functions.

    $$e_i = R_{h_1(i)} + R_{h_2(i)}, \quad h_1(i), h_2(i) \in \{1, \dots, M\}$$

    Typed double:M, with M in rows or in percent of the ids. Both functions choose from the same M rows (our reading: so
    it has the bytes of hash:M). Two ids collide if they have the same pair, with probability of about $2 / M^2$; ids
    that share one row of two are alike, not the same.

    Zhang, Liu, Xie, Ktena, Tejani, Gupta, Myana, Dilipkumar, Paul, Ihara, Upadhyaya, Huszar, Shi: Model size reduction
    using frequency based double hashing for recommender systems. RecSys 2020, arXiv 2007.14523.
    """

    paper = "Zhang et al., RecSys 2020, arXiv 2007.14523"

    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return M and the two rows of each id (n, 2)."""
        n_rows = form.sizes[0].of(len(ids))
        return n_rows, np.stack([ids.hashed(n_rows, 0), ids.hashed(n_rows, 1)], axis=1)
