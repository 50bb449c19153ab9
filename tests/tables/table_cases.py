"""Tables of every kind for tests."""

import numpy as np
import torch

from rankbench.tables.form import read_form
from rankbench.tables.placing import CLASSES
from rankbench.tables.table import Ids, Table

TYPED = ["hash:50%", "qr:20%", "qr:7:mul", "qr:50%:concat", "double:30%", "freqdouble:10%,20%", "admit:3"]


def ids_of(n: int, seed: int = 0, side: int = 1) -> Ids:
    """n ids, the popularity of which falls in a random order; some have none."""
    rng = np.random.default_rng(n)
    return Ids(rng.permutation((3 * n / np.arange(1, n + 1) ** 1.2).astype(np.int64)), seed, side)


def table_of(typed: str, ids: Ids, dim: int = 8, init: str = "normal") -> Table:
    form = read_form(typed)
    return CLASSES[form.kind](form, ids, dim, init, torch.Generator().manual_seed(ids.seed))
