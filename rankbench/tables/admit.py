"""Admission: rare ids share one row."""

import numpy as np
from numpy.typing import NDArray

from rankbench.tables.form import Form
from rankbench.tables.table import Ids, Table


class Admit(Table):
    r"""Admission: an id has a row of its own once it occurred T times in train; all others share one.

    $$e_i = R_i \text{ if } c_i \ge T, \quad e_i = R_0 \text{ otherwise}$$

    Typed admit:T, with T a count of train interactions, as in admit:5. The counting filter of Monolith, applied to the
    train set as a whole: there is no stream here, so nothing is admitted late and nothing expires.

    Liu, Zou, Zou, Wang, Zhang, Tang, Zhu, Zhu, Wu, Wang, Cheng: Monolith: Real time recommendation system with
    collisionless embedding table. ORSUM at RecSys 2022, arXiv 2209.07663.
    """

    paper = "Liu et al., ORSUM at RecSys 2022, arXiv 2209.07663"

    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return the number of rows, a shared one among them if any id is not admitted, and the row of each (n, 1)."""
        admitted = ids.counts >= form.sizes[0].number  # (n,)
        row = np.where(admitted, np.cumsum(admitted) - 1, admitted.sum())  # (n,)
        return int(row.max(initial=0)) + 1, row[:, None]
