"""The part `sampling`: negatives drawn a second.

Baselines: *published* is a Python loop that draws again while an item is among the user's, on a sample of the rows;
*plain* is torch.randint, looks draws up among all pairs, and draws those again that it finds; *unchecked* is
torch.randint alone, which knows no user.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions, Split
from rankbench.randomness import key
from rankbench.sampling import WeightedNegatives
from rankbench.speed.clock import Work, by_engine, by_one_thread, by_torch, take_turns, timed
from rankbench.speed.results import Results, as_rate
from rankbench.speed.sizes import Shape

NEGATIVES = "negatives"

_PUBLISHED_ROWS = 64
_BATCHES = 4
"""Batches that the engine draws for one time."""


def published_draw(owned: list[set[int]], n_items: int, user: list[int], N: int) -> list[list[int]]:
    """Return N negatives of each user, drawn one by one until they are none of the items that the user has."""
    rows = []
    for u in user:
        row: list[int] = []
        while len(row) < N:
            item = random.randrange(n_items)
            if item not in owned[u]:
                row.append(item)
        rows.append(row)
    return rows


def plain_draw(pairs: Tensor, n_items: int, user: Tensor, N: int) -> Tensor:
    """Return negatives (B, N) int64 of users (B,), given user * I + item (nnz,), ascending, of all train pairs."""
    base = (user * n_items)[:, None].expand(-1, N)  # (B, N)
    item = torch.randint(n_items, base.shape, device=base.device)  # (B, N)
    while True:
        wanted = base + item  # (B, N)
        place = torch.searchsorted(pairs, wanted).clamp_max(len(pairs) - 1)  # (B, N)
        owned = pairs[place] == wanted  # (B, N)
        n = int(owned.sum())
        if not n:
            return item
        item[owned] = torch.randint(n_items, (n,), device=base.device)


def measure_sampling(split: Split, size: str, shape: Shape, threads: int, rounds: int) -> Generator[str, None, Results]:
    """Measure how many negatives are drawn a second; yield what is being done, return the results."""
    yield f"{size}: drawing negatives"
    train, B, N = split.train, shape.batch_size, shape.negatives
    row = np.random.default_rng(0).integers(len(train), size=B)  # (B,)
    user = torch.from_numpy(train.users[row].astype(np.int64))  # (B,)
    engine = _engine(train, torch.from_numpy(row), user, N)
    few = user[:_PUBLISHED_ROWS].tolist()
    owned = [set(train.row(u).tolist()) if u in set(few) else set() for u in range(train.n_users)]
    pairs = torch.from_numpy(train.users.astype(np.int64) * train.n_items + train.items)  # (nnz,)
    works: dict[str, Work] = {
        "engine": by_engine(engine, _BATCHES),
        "published": lambda: timed(lambda: published_draw(owned, train.n_items, few, N)) * B / len(few),
        "plain": by_torch(lambda: plain_draw(pairs, train.n_items, user, N), threads),
        "unchecked": by_torch(lambda: torch.randint(train.n_items, (B, N)), threads),
    }
    if threads > 1:
        works["one thread"] = by_one_thread(engine, _BATCHES)
    results = Results()
    note = f"scaled up from {len(few)} of {B} rows" if len(few) < B else ""
    for by, timing in take_turns(works, rounds).items():
        used = 1 if by in ("one thread", "published") else threads
        about = note if by == "published" else ""
        results.add(as_rate("sampling", size, NEGATIVES, by, used, timing, B * N / 1e6, "M/s", about))
    for to in ("published", "plain", "unchecked", "one thread"):
        results.relate("sampling", size, NEGATIVES, "engine", to)
    return results


def _engine(train: Interactions, row: Tensor, user: Tensor, N: int) -> Callable[[], None]:
    sampler = WeightedNegatives.uniform(train)

    def draw() -> None:
        for i in range(_BATCHES):
            sampler.draw(key(0, "negatives", i), row, user, user, N)

    return draw
