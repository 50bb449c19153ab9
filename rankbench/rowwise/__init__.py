"""Functions of rows (B, N), and of groups of rows, that losses are made of, where torch's own are slow or inexact.

All of them run on any device and in any precision. What they find of a row depends on nothing but the row.
"""

from rankbench.rowwise.exponentials import log_sum_exp, log_sum_exp_of_gaps
from rankbench.rowwise.groups import log_mean_by_group
from rankbench.rowwise.moments import standardise
from rankbench.rowwise.order import largest
from rankbench.rowwise.power import fall_of_power_mean, power_mean_of_excess
from rankbench.rowwise.softplus import softplus_and_slope, sum_of_softplus
from rankbench.rowwise.weights import log_odds_of_largest, log_weights

__all__ = [
    "fall_of_power_mean",
    "largest",
    "log_mean_by_group",
    "log_odds_of_largest",
    "log_sum_exp",
    "log_sum_exp_of_gaps",
    "log_weights",
    "power_mean_of_excess",
    "softplus_and_slope",
    "standardise",
    "sum_of_softplus",
]
