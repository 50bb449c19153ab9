"""Score, loss and gradient of a log-sum-exp in one pass over each row: what the general way gives, and torch."""

import threading
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rankbench.lazy import lazy
from rankbench.losses import LogSumExp, Loss, Scores, says_its_exponent
from rankbench.losses.dsl import DSL
from rankbench.losses.softmax import Softmax
from rankbench.parallel import set_threads
from rankbench.training import pieces, step

DIMS = st.sampled_from([1, 3, 16])  # few, because kernels are compiled for each


class Exponent(Loss):
    """A log-sum-exp with what it was given, written for torch; the engine is told what it is."""

    divisible = True

    def __init__(self, beta: Tensor | float, offset: Tensor | None, looks: bool) -> None:
        super().__init__()
        self.beta, self.offset, self.looks = beta, offset, looks

    def of(self, s: Scores) -> LogSumExp:
        if self.looks:
            assert s.neg.shape == s.neg_item.shape
        beta = self.beta if isinstance(self.beta, float) else self.beta[s.rows].to(s.pos)
        return LogSumExp(beta, None if self.offset is None else self.offset[s.rows].to(s.pos))

    def as_log_sum_exp(self, s: Scores) -> LogSumExp:
        return self.of(s)

    def forward(self, s: Scores) -> Tensor:
        beta, offset = self.of(s)
        gap = (s.neg - s.pos[:, None]) * (beta[:, None] if isinstance(beta, Tensor) else beta)
        return torch.logsumexp(gap if offset is None else gap + offset, dim=1)


@dataclass
class Inputs:
    user_vec: Tensor
    item_vec: Tensor
    user: Tensor
    pos: Tensor
    neg: Tensor

    @classmethod
    def drawn(cls, B: int, N: int, items: int, d: int, seed: int) -> "Inputs":
        generator = torch.Generator().manual_seed(seed)
        user_vec, item_vec = (torch.randn(n, d, generator=generator, dtype=torch.float64) for n in (5, items))
        user, pos = (torch.randint(n, (B,), generator=generator) for n in (5, items))
        neg = torch.randint(items, (B, N), generator=generator, dtype=torch.int32)  # some of them twice
        return cls(user_vec, item_vec, user, pos, neg)


def gradients(loss: Loss, x: Inputs, dtype: torch.dtype, precision: str = "fp32") -> list[Tensor]:
    """Loss () and gradients of both tables."""
    tables = [vec.to(dtype).requires_grad_() for vec in (x.user_vec, x.item_vec)]
    query = tables[0].index_select(0, x.user)
    value = step.backward(loss, query, tables[1], x.user, x.pos, x.neg, None, precision)
    return [value, *(table.grad for table in tables)]


@settings(max_examples=60, deadline=None)
@given(
    B=st.integers(1, 20),
    N=st.sampled_from([1, 2, 7, 64, 70]),
    items=st.sampled_from([1, 3, 40, 400, 9000]),  # by matrix products, then by kernels, of small and of large tables
    d=DIMS,
    each=st.booleans(),
    shifted=st.booleans(),
    looks=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_it_is_the_mean_of_logsumexp_in_float64(B, N, items, d, each, shifted, looks, seed):
    generator = torch.Generator().manual_seed(seed)
    beta = torch.rand(B, generator=generator) * 5 if each else 4.0
    offset = torch.randn(B, N, generator=generator) if shifted else None
    loss, x = Exponent(beta, offset, looks), Inputs.drawn(B, N, items, d, seed)
    for found, expected in zip(
        gradients(loss, x, torch.float32), gradients(loss, x, torch.float64), strict=True
    ):  # the general way is taken in float64
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def without_one_pass(monkeypatch):
    monkeypatch.setattr(pieces, "says_its_exponent", lambda loss: False)


LOSSES = [Softmax(tau=0.2), DSL(), DSL(gamma=0), DSL(lambda_similarity=-0.25, lambda_hardness=0.5)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("items", [40, 400, 20_000])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_is_the_general_way_in_fewer_passes(loss, items, precision, monkeypatch):
    monkeypatch.setattr(pieces, "_PIECE", 7 * 30)  # seven rows a piece, the last one smaller
    x = Inputs.drawn(40, 30, items, 64, 0)
    x.user_vec, x.item_vec = (torch.nn.functional.normalize(vec) for vec in (x.user_vec, x.item_vec))
    found = gradients(loss, x, torch.float32, precision)
    without_one_pass(monkeypatch)
    for a, b in zip(found, gradients(loss, x, torch.float32, precision), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr(pieces, "_PIECE", 7 * 100)
    for items in (150, 400, 20_000):
        x, found = Inputs.drawn(200, 100, items, 16, 1), []
        for threads in (1, 2, 3):
            set_threads(threads)
            found.append(gradients(Softmax(), x, torch.float32))
        assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_a_row_of_nothing_pulls_nothing(monkeypatch):
    offset = torch.zeros(4, 6)
    offset[1] = -torch.inf
    offset[2, 3:] = -torch.inf
    x = Inputs.drawn(4, 6, 20, 3, 2)
    loss = Exponent(2.0, offset, looks=False)
    value, *tables = gradients(loss, x, torch.float32)
    assert value == -torch.inf
    assert all(table.isfinite().all() for table in tables)
    x.user, x.pos, x.neg, loss.offset = (t[[0, 2, 3]] for t in (x.user, x.pos, x.neg, offset))
    for found, expected in zip(tables, gradients(loss, x, torch.float64)[1:], strict=True):
        torch.testing.assert_close(found.double() * 4 / 3, expected, rtol=1e-5, atol=1e-6)


class Twice(Softmax):
    """Replaces `forward`, and knows nothing of exponents."""

    def forward(self, s: Scores) -> Tensor:
        return 2 * super().forward(s)


class TwiceAndSaysSo(Twice):
    def as_log_sum_exp(self, s: Scores) -> None:
        return None


def test_a_class_that_replaces_forward_is_not_taken_for_what_it_replaced():
    assert says_its_exponent(Softmax)
    assert not says_its_exponent(Twice)
    assert says_its_exponent(TwiceAndSaysSo)
    x = Inputs.drawn(8, 5, 20, 3, 3)
    for loss in (Twice(), TwiceAndSaysSo()):
        for found, once in zip(gradients(loss, x, torch.float32), gradients(Softmax(), x, torch.float32), strict=True):
            torch.testing.assert_close(found, 2 * once, rtol=1e-5, atol=1e-6)


def test_what_a_loss_trains_gets_its_gradients(monkeypatch):
    class Learning(Softmax):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.ones(()))

    x = Inputs.drawn(8, 5, 20, 3, 3)
    monkeypatch.setattr(pieces.PiecedBatch, "differentiate_softmax", None)  # not to be called
    gradients(Learning(), x, torch.float32)
    with pytest.raises(TypeError):
        gradients(Softmax(), x, torch.float32)


def test_threads_compute_attributes_of_their_own_at_the_same_time():
    both = threading.Barrier(2, timeout=20)

    class Piece:
        @lazy
        def score(self) -> int:
            """The score."""
            both.wait()  # for the other thread, which a lock would keep out
            return id(self)

    pieces = [Piece(), Piece()]
    threads = [threading.Thread(target=lambda piece=piece: piece.score) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [piece.score for piece in pieces] == [id(piece) for piece in pieces]  # not computed again
    assert Piece.score.__doc__ == "The score."
