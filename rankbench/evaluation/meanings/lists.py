"""What a list is like for its user, and for whom lists are good."""

from __future__ import annotations

from collections.abc import Mapping

from rankbench.evaluation.meanings.meaning import Better, Meaning

_REFERENCE = (
    "By a fixed reference model, the same for all that are compared: 32 spectral vectors of the train set, 20 tastes "
    "by spherical k-means."
)
_QUARTERS = {
    "activity": "the number of items that they are known by",
    "mainstreamness": "the mean popularity of the items that they are known by",
}
_SPREADS: tuple[tuple[str, str, str, Better], ...] = (
    ("worst", "Worst", "The least of the", "higher"),
    ("gap", "Gap of", "The greatest less the least of the", "lower"),
)

LISTS: Mapping[str, Meaning] = {
    "ild": Meaning(
        "ILD",
        r"$1 - \cos(x_i, x_j)$, the mean over pairs of items of $L_u$: intra-list diversity.",
        "higher",
        _REFERENCE,
        "Ziegler et al., WWW 2005",
    ),
    "miscalibration": Meaning(
        "Miscalibration",
        r"$KL(P_u \Vert (1 - \alpha) Q_u + \alpha P_u)$ in nats, $\alpha = .01$: tastes of history and list.",
        "lower",
        _REFERENCE,
        "Steck, RecSys 2018",
    ),
    "taste_js": Meaning(
        "Taste JS",
        r"Jensen-Shannon divergence of $P_u$ and $Q_u$ in bits: tastes of history and list.",
        "lower",
        _REFERENCE,
        "Lin, IEEE Transactions on Information Theory 1991",
    ),
    "tie_rate": Meaning(
        "Tie rate",
        "Share of $L_u$ whose score is equal to that of the best item left out.",
        "lower",
        "Such places are decided by item id, or by a seeded key where items share rows; high where vectors collapse.",
    ),
    **{
        f"{what}_{by}": Meaning(
            f"{word} NDCG by {by}",
            f"{text} NDCG@K of the quarters of the users of a test by {_QUARTERS[by]}.",
            better,
            "`rankbench report --ood --by group` shows all four.",
            of="lists",
            derived=True,
        )
        for by in _QUARTERS
        for what, word, text, better in _SPREADS
    },
}
