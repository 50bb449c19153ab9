import pytest
import torch
from loss_cases import batch, build, dcg_bounds, gradients, of, over_all_items
from torch.nn.functional import softplus
from torch.testing import assert_close

TEMPERATURES = (0.05, 0.2, 1.0)


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_counting_the_positive_is_softplus_and_damps_the_gradient_by_its_probability(tau):
    s = batch(0)
    excl, incl = build(f"softmax:tau={tau}"), build(f"softmax:tau={tau},incl=true")
    assert_close(incl(s), softplus(excl(s)))
    logits = torch.cat([s.pos[:, None], s.neg], dim=1).detach() / tau
    others = 1 - torch.softmax(logits, dim=1)[:, 0]
    for got, plain in zip(gradients(incl, s), gradients(excl, s), strict=True):
        assert_close(got, plain * (others if got.ndim == 1 else others[:, None]))


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_gradient_is_the_published_one(tau):
    s = batch(1)
    pos, neg = gradients(build(f"softmax:tau={tau}"), s)
    assert_close(neg, torch.softmax((s.neg - s.pos[:, None]) / tau, dim=1).detach() / tau)
    assert_close(pos, torch.full_like(pos, -1 / tau))


def test_hessian_is_the_covariance_of_the_probabilities():
    s, tau = batch(2, B=1), 0.3
    loss = build(f"softmax:tau={tau}")
    hessian = torch.autograd.functional.hessian(lambda neg: loss(with_neg(s, neg)).sum(), s.neg.detach())[0, :, 0, :]
    p = torch.softmax(s.neg.detach()[0] / tau, dim=0)
    assert_close(hessian, (p.diag() - p[:, None] * p) / tau**2)


def with_neg(s, neg):
    made = of(s.pos, s.neg)
    made.pos, made.neg = s.pos.detach(), neg
    return made


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_is_the_worst_expected_gap_less_its_divergence_from_uniform(tau):
    s = batch(3, B=4, N=9)
    gap = (s.neg - s.pos[:, None]).detach()
    robust = tau * (build(f"softmax:tau={tau}")(s).detach() - torch.tensor(9.0).double().log())

    def value(q):
        return (q * gap).sum(dim=1) - tau * (q * (9 * q).log()).sum(dim=1)

    assert_close(value(torch.softmax(gap / tau, dim=1)), robust)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        q = torch.softmax(torch.randn(4, 9, dtype=torch.float64, generator=generator) * 3, dim=1)
        assert (value(q) <= robust + 1e-12).all()


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_over_all_items_it_bounds_dcg(tau):
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        score = torch.rand(30, dtype=torch.float64, generator=generator) * 2 - 1
        positive = torch.randperm(30, generator=generator)[:4]
        dcg, rank = dcg_bounds(score, positive)
        loss = build(f"softmax:tau={tau}")(over_all_items(score, positive)).mean()
        assert dcg <= rank <= loss


@pytest.mark.parametrize("text", ["softmax", "bsl:tau1=0.3", "bsl:mode=user", "psl", "dsl:slate=3", "bpr"])
def test_a_constant_added_to_all_scores_changes_nothing(text):
    s, loss = batch(4), build(text)
    moved = of(s.pos + 0.7, s.neg + 0.7, user=s.user, similarity=s.similarity)
    assert_close(loss(moved), loss(s))
