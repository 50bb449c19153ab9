"""Functions of rows (B, N) that losses are made of, where torch's own are slow on the CPU or inexact.

All of them run on any device and in any precision. Their results depend on nothing but the row.
"""

from rankbench.rowwise.exponentials import log_sum_exp, log_sum_exp_of_gaps
from rankbench.rowwise.moments import standardise
from rankbench.rowwise.order import largest
from rankbench.rowwise.weights import log_odds_of_largest, log_weights

__all__ = ["largest", "log_odds_of_largest", "log_sum_exp", "log_sum_exp_of_gaps", "log_weights", "standardise"]
