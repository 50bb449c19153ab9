"""The rows of a uniform or full part, numbered as the logged part is; what train cannot know is dropped and counted."""

from __future__ import annotations

import polars as pl

from rankbench.data.protocols.parts import Exposed, Pairs
from rankbench.errors import UserError

Frame = pl.DataFrame | pl.LazyFrame


def number_exposed(frame: Frame, pairs: Pairs, *, threshold: float | None = None) -> Exposed:
    """Return the exposed rows of users and items that the logged part has.

    Args:
        frame: columns `user` and `item`, and `rating` if there is a threshold.
        pairs: the filtered positives of the logged part.
        threshold: least rating of a positive; None takes all rows for positives.
    """
    positive = pl.lit(value=True) if threshold is None else pl.col("rating").cast(pl.Float64) >= threshold
    columns = (
        *(pl.col(side).cast(pl.String).alias(f"{side} id") for side in ("user", "item")),
        positive.fill_null(value=False).alias("positive"),
    )
    rows = (
        frame.lazy().select(columns).with_columns(_number("user", pairs.users), _number("item", pairs.items)).collect()
    )
    kept = rows.drop_nulls().sort("user", "item", "positive")
    unknown = {side: rows.filter(pl.col(side).is_null())[f"{side} id"].n_unique() for side in ("user", "item")}
    return Exposed(
        user=kept["user"].to_numpy(),
        item=kept["item"].to_numpy(),
        positive=kept["positive"].to_numpy(),
        dropped={
            "users without train items": unknown["user"],
            "items without train users": unknown["item"],
            "rows of such users or items": len(rows) - len(kept),
        },
    )


def check_apart(logged: Frame, exposed: Frame) -> None:
    """Check that no pair of `exposed` is in `logged`, as is promised of some data sets.

    Args:
        logged, exposed: all rows of both parts; columns `user` and `item`.

    Raises:
        UserError: there are such pairs; the message counts them and names the first.
    """
    shown = exposed.lazy().select("user", "item").unique()
    common = shown.join(logged.lazy(), on=["user", "item"], how="semi").collect()
    if len(common):
        user, item = common.sort("user", "item").row(0)
        raise UserError(
            f"{len(common)} pairs of the exposed part are in the logged part too, such as user {user}, item {item}.",
            "The files are not those that the data set announces; fetch them again with --force.",
        )


def _number(side: str, ids: tuple[str, ...]) -> pl.Expr:
    """Return the number of each row's id, null where it has none."""
    number = pl.col(f"{side} id").replace_strict(list(ids), range(len(ids)), default=None, return_dtype=pl.Int32)
    return number.alias(side)
