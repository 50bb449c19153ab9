"""The hint that asks for memory: it is in the machine code, and changes nothing."""

import numpy as np
from numba import njit

from rankbench.prefetch import prefetch_row


@njit
def total_of(table, rows):
    total = 0.0
    for n in range(len(rows)):
        prefetch_row(table, rows[min(n + 2, len(rows) - 1)], 33)
        total += table[rows[n]].sum()
    return total


def test_rows_are_asked_for_and_sums_stay_what_they_are():
    table = np.arange(50 * 33, dtype=np.float32).reshape(50, 33)  # whole numbers: any order of sums gives the same
    rows = np.arange(40, dtype=np.int32)[::-1].copy()
    assert total_of(table, rows) == table[:40].sum()
    assert all("call void @llvm.prefetch" in text for text in total_of.inspect_llvm().values())
