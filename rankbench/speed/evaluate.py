"""The part `evaluate`: every user ranked and measured, and the lists alone beside the library `implicit`.

The subject "accuracy" is what the baselines do: the metrics of accuracy at all K. "evaluation" is what the engine does
at the end of a run: these and everything beyond accuracy.

Baselines: *published* ranks once for each of four K and measures user by user in Python, *plain* ranks once and
measures whole arrays, *product* is the matrix product alone on the same threads as the engine. A baseline that would
take longer than `LONGEST` seconds is timed on a sample of the users and its time scaled up, and says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.data.interactions import Interactions, Split
from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.lists_on_host import ListsOnHost
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.ranking import hits_of, top_items
from rankbench.evaluation.scorers import InnerProduct
from rankbench.speed.clock import Work, by_engine, take_turns, timed, torch_has
from rankbench.speed.results import Measurement, Results, in_ms
from rankbench.speed.torch_ranking import matrix_product, plain_evaluation, published_evaluation

LONGEST = 1.0
"""Seconds that one round of a baseline may take."""

_TRIED = 512
"""Users that a baseline is tried on, to see how long it takes."""

ACCURACY, EVALUATION, LISTS = "accuracy", "evaluation", "top-100"

Ranking = Callable[[NDArray[np.int64]], object]
"""What is done with users (n,)."""


@dataclass(frozen=True)
class _Case:
    """Random vectors, as selection meets them before training, and what they are ranked against."""

    split: Split
    user_vec: Tensor
    item_vec: Tensor
    mask: Interactions
    users: NDArray[np.int64]

    @classmethod
    def of(cls, split: Split, dim: int) -> _Case:
        generator = torch.Generator().manual_seed(0)
        user_vec = normalize(torch.randn(split.n_users, dim, generator=generator), dim=1)  # (U, d)
        item_vec = normalize(torch.randn(split.n_items, dim, generator=generator), dim=1)  # (I, d)
        users = np.flatnonzero(split.tests["iid"].user_counts)  # (n,)
        return cls(split, user_vec, item_vec, split.mask_of_test("iid"), users)

    def engine(self) -> object:
        return evaluate(InnerProduct(self.user_vec, self.item_vec), self.split, "iid")

    def accuracy(self) -> object:
        relevant, top = self.split.tests["iid"], self.lists()  # (n, max K)
        lists = ListsOnHost(self.users, top, hits_of(top, self.users, relevant), self.mask)
        return lists.accuracy(relevant.user_counts[self.users])

    def lists(self) -> NDArray[np.int32]:
        return top_items(self.user_vec, self.item_vec, self.users, self.mask, max(KS))

    def published(self, users: NDArray[np.int64]) -> object:
        return published_evaluation(self.user_vec, self.item_vec, users, self.mask, self.split.tests["iid"])

    def plain(self, users: NDArray[np.int64]) -> object:
        return plain_evaluation(self.user_vec, self.item_vec, users, self.mask, self.split.tests["iid"])

    def product(self) -> None:
        matrix_product(self.user_vec, self.item_vec, self.users)


def measure_evaluation(split: Split, size: str, dim: int, threads: int, rounds: int) -> Generator[str, None, Results]:
    """Time the evaluation of one test set; yield what is being done, return the results."""
    yield f"{size}: evaluation against published and plain torch"
    case, results = _Case.of(split, dim), Results()
    works: dict[str, Work] = {
        ACCURACY: by_engine(case.accuracy),
        "engine": by_engine(case.engine),
        "product": by_engine(case.product),
    }
    notes: dict[str, str] = {}
    for name, ranking in (("published", case.published), ("plain", case.plain)):
        works[name], notes[name] = _bounded(ranking, case.users, threads)
    timings = take_turns(works, rounds)
    results.add(in_ms("evaluate", size, ACCURACY, "engine", threads, timings.pop(ACCURACY)))
    for by, timing in timings.items():
        results.add(in_ms("evaluate", size, EVALUATION, by, threads, timing, note=notes.get(by, "")))
    for of in ("published", "plain"):
        results.add(in_ms("evaluate", size, ACCURACY, of, threads, timings[of], note=notes[of]))
        for subject in (ACCURACY, EVALUATION):
            results.relate("evaluate", size, subject, of, "engine")
    results.relate("evaluate", size, EVALUATION, "engine", "product")
    _add_rate(results, size, 2 * len(case.users) * split.n_items * dim, threads)
    yield f"{size}: lists of 100 items"
    _measure_lists(case, size, threads, rounds, results)
    return results


def evaluation_of(split: Split, dim: int) -> Callable[[], object]:
    """Return the engine's evaluation of a split, for vectors of d dimensions."""
    return _Case.of(split, dim).engine


def _measure_lists(case: _Case, size: str, threads: int, rounds: int, results: Results) -> None:
    works: dict[str, Work] = {"engine": by_engine(case.lists)}
    library = _implicit(case, threads)
    if library:
        works["implicit"] = by_engine(library)
    for by, timing in take_turns(works, rounds).items():
        results.add(in_ms("evaluate", size, LISTS, by, threads, timing))
    results.relate("evaluate", size, LISTS, "implicit", "engine")


def _bounded(ranking: Ranking, users: NDArray[np.int64], threads: int) -> tuple[Work, str]:
    """Return a work that times a baseline for all users, and a note if it has to be scaled up from a sample."""
    with torch_has(threads):
        tried = users[:_TRIED]
        ranking(tried)  # to warm up
        each = timed(lambda: ranking(tried)) / len(tried)
    n = min(len(users), max(int(LONGEST / each), _TRIED))
    sample = users if n == len(users) else np.random.default_rng(0).permutation(users)[:n]  # (n,)

    def work() -> float:
        with torch_has(threads):
            return timed(lambda: ranking(sample)) * len(users) / len(sample)

    return work, "" if n == len(users) else f"scaled up from {n} of {len(users)} users"


def _add_rate(results: Results, size: str, flop: int, threads: int) -> None:
    """Add the rate of the matrix product that the engine's evaluation holds, selection and metrics included."""
    found = results.find("evaluate", size, EVALUATION, "engine")
    if found:
        rates = (flop / found.median / 1e6, flop / found.best / 1e6, flop / found.worst / 1e6)
        results.add(Measurement("evaluate", size, "rate", "", "engine", threads, *rates, found.rounds, "GFLOP/s"))


def _implicit(case: _Case, threads: int) -> Callable[[], object] | None:
    """Return the ranking of the same lists by `implicit`, None where it is not installed."""
    try:
        topk = importlib.import_module("implicit.cpu.topk").topk
        limited = importlib.import_module("threadpoolctl").threadpool_limits
        matrix = importlib.import_module("scipy.sparse").csr_matrix
    except ImportError:
        return None
    mask, n = case.mask, len(case.mask)
    rows = matrix((np.ones(n, np.float32), mask.items, mask.indptr), (mask.n_users, mask.n_items))[case.users]
    item_vec, query = case.item_vec.numpy(), case.user_vec.numpy()[case.users]  # (I, d), (n, d)

    def ranked() -> object:
        with limited(1, "blas"):  # as the library asks: it has threads of its own around each product
            return topk(item_vec, query, max(KS), filter_query_items=rows, num_threads=threads)

    return ranked
