r"""The gradient view: the weight that a loss gives a negative as its score moves, so that losses compare at a glance.

The weight of negative j in one example with positive i is $\partial \ell / \partial s_j$, the push on its score. All
other scores rest where those of a trained model do: `typical` says where. A curve is the weight as a function of $s_j$,
relative to its largest absolute value, which shows what a loss takes for a hard negative whatever its scale; or the
share $w_j / \sum_l |w_l|$ of the push on all N negatives, which also shows how much of the gradient it is.
"""
