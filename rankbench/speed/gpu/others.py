"""The parts `evaluate`, `sampling` and `graph` on a GPU."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch.nn.functional import normalize

from rankbench.data.interactions import Split
from rankbench.evaluation.evaluate import evaluate
from rankbench.evaluation.metrics import KS
from rankbench.evaluation.ranking import top_items
from rankbench.evaluation.scorers import InnerProduct
from rankbench.rows_on import rows_on
from rankbench.sampling import WeightedNegatives
from rankbench.speed.draws import NEGATIVES, plain_draw
from rankbench.speed.engine import Chosen
from rankbench.speed.evaluate import EVALUATION, LISTS
from rankbench.speed.gpu.clock import measured, replayed
from rankbench.speed.gpu.step import epoch_seconds, step_of, training_of
from rankbench.speed.propagation import LIGHTGCN, PROPAGATION, STEP, there_and_back
from rankbench.speed.results import Results, all_in_ms, as_rate, in_ms
from rankbench.speed.sizes import Shape
from rankbench.speed.step import propagation_of, tables_of

_USERS = 1024


def measure_evaluation(
    device: torch.device, split: Split, size: str, dim: int, rounds: int
) -> Generator[str, None, Results]:
    """Time the evaluation of one test set, all of it, and its lists alone, which are what the device computes."""
    yield f"{size}: evaluation"
    results, mask = Results(), split.mask_of_test("iid")
    generator = torch.Generator().manual_seed(0)
    user_vec, item_vec = (
        normalize(torch.randn(n, dim, generator=generator), dim=1).to(device) for n in (split.n_users, split.n_items)
    )  # (U, d), (I, d)
    users = np.flatnonzero(split.tests["iid"].user_counts)  # (n,)
    there, rows = torch.from_numpy(users).to(device), rows_on(device, mask)

    def product() -> None:
        for block in torch.split(there, _USERS):
            torch.mm(user_vec[block], item_vec.t())

    def plain() -> None:
        for block in torch.split(there, _USERS):
            scores = user_vec[block] @ item_vec.t()  # (b, I)
            scores[rows.pairs(block)] = -torch.inf
            scores.topk(min(max(KS), split.n_items), dim=1).indices.cpu()

    def lists() -> object:
        return top_items(user_vec, item_vec, users, mask, max(KS))

    engine = measured(device, lambda: evaluate(InnerProduct(user_vec, item_vec), split, "iid"), rounds)
    results.add(in_ms("evaluate", size, EVALUATION, "engine", 0, engine))
    timings = {by: measured(device, work, rounds) for by, work in (("engine", lists), ("plain", plain))}
    results.add(*all_in_ms("evaluate", size, LISTS, timings, 0))
    results.add(in_ms("evaluate", size, EVALUATION, "product", 0, measured(device, product, rounds)))
    results.relate("evaluate", size, LISTS, "plain", "engine")
    results.relate("evaluate", size, EVALUATION, "engine", "product")
    flop = 2 * len(users) * split.n_items * dim / 1e9
    results.add(as_rate("evaluate", size, "rate", "engine", 0, timings["engine"], flop, "GFLOP/s"))
    return results


def measure_sampling(
    device: torch.device, split: Split, size: str, shape: Shape, rounds: int
) -> Generator[str, None, Results]:
    """Measure how many negatives are drawn a second."""
    yield f"{size}: drawing negatives"
    train, results, (B, N) = split.train, Results(), (shape.batch_size, shape.negatives)
    sampler, key = WeightedNegatives.uniform(train), torch.zeros((), dtype=torch.int64, device=device)
    row = torch.randint(len(train), (B,), generator=torch.Generator().manual_seed(0))  # (B,)
    user = torch.from_numpy(train.users.astype(np.int64))[row].to(device)  # (B,)
    row, pairs = row.to(device), torch.from_numpy(train.keys).to(device)  # (B,), (nnz,)
    works = {
        "engine": replayed(device, lambda: sampler.draw(key, row, user, user, N), rounds),
        "plain": measured(device, lambda: plain_draw(pairs, train.n_items, user, N), rounds),
        "unchecked": replayed(device, lambda: torch.randint(train.n_items, (B, N), device=device), rounds),
    }
    for by, timing in works.items():
        results.add(as_rate("sampling", size, NEGATIVES, by, 0, timing, B * N / 1e6, "M/s"))
        if by != "engine":
            results.relate("sampling", size, NEGATIVES, "engine", by)
    return results


def measure_graph(
    device: torch.device, split: Split, size: str, loss: Chosen, shape: Shape, rounds: int
) -> Generator[str, None, Results]:
    """Time LightGCN's propagation, there and back, and its whole steps."""
    yield f"{size}: LightGCN"
    results = Results()
    training = training_of(device, split, loss, LIGHTGCN, shape)
    backbone = training.backbone
    tables = [t.detach().clone().requires_grad_() for t in tables_of(backbone)]  # (U, d), (I, d)
    works = {"engine": there_and_back(backbone, [*backbone.parameters()])}
    for name in ("published", "plain"):
        propagate = propagation_of(name, backbone, split.train, device)
        if propagate is not None:
            works[name] = there_and_back(lambda propagate=propagate: propagate(*tables), tables)  # type: ignore[misc]
    for by, work in works.items():
        results.add(in_ms("graph", size, PROPAGATION, by, 0, measured(device, work, rounds)))
        if by != "engine":
            results.relate("graph", size, PROPAGATION, by, "engine")
    results.add(in_ms("graph", size, STEP, "engine", 0, step_of(training, epoch_seconds(training, rounds))))
    return results
