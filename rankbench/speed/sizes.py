"""The sizes that speed is measured at: as many users, items and interactions as published data sets have."""

from dataclasses import dataclass

from rankbench.errors import UserError, unknown


@dataclass(frozen=True)
class Size:
    """A data set to make up.

    Args:
        name: what it is called.
        n_users, n_items: U and I.
        n_train: train interactions.
    """

    name: str
    n_users: int
    n_items: int
    n_train: int


SIZES: dict[str, Size] = {
    "S": Size("S", 1_974, 1_200, 34_000),
    "M": Size("M", 13_455, 8_360, 164_000),
    "L": Size("L", 29_858, 40_988, 737_000),
}
"""Amazon-Health, Amazon-Electronic and Gowalla as the published tables have them, validation cut from train."""


@dataclass(frozen=True)
class Shape:
    """The shape of a step: B positives with N negatives each, vectors of d dimensions."""

    batch_size: int = 1024
    negatives: int = 1000
    dim: int = 64


def read_sizes(text: str) -> tuple[Size, ...]:
    """Return the sizes of `S,M,L`.

    Raises:
        UserError: a name is unknown, or none is given.
    """
    names = [word.strip().upper() for word in text.split(",") if word.strip()]
    if not names:
        raise UserError("No size is named.", f"Give some of {', '.join(SIZES)}, as in --size S,M.")
    for name in names:
        if name not in SIZES:
            raise unknown("size", name, SIZES)
    return tuple(SIZES[name] for name in dict.fromkeys(names))
