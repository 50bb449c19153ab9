"""Forms of softmax with a correction, another weight or a scale, and OPAUC: identities and published gradients."""

import math

import pytest
import torch
from loss_cases import batch, build, gradients, of
from torch.nn.functional import softplus
from torch.testing import assert_close

from rankbench import registry
from rankbench.errors import UserError


def test_rho_weakens_the_pull_on_the_positive_only():
    s, tau = batch(0), 0.2
    pos, neg = gradients(build(f"softmax:tau={tau},rho=0.7"), s)
    assert_close(pos, torch.full_like(pos, -0.7 / tau))
    assert_close(neg, gradients(build(f"softmax:tau={tau}"), s)[1])


def test_rho_is_bsl_by_ratio_up_to_a_factor():
    s = batch(1)
    assert_close(build("softmax:tau=0.1,rho=0.8")(s), build("bsl:mode=ratio,tau2=0.1,ratio=1.25")(s) * 0.8)


@pytest.mark.parametrize(
    "text", ["softmax:logq=refined,incl=true", "softmax:logq=standard,rho=0.7", "softmax:incl=true,rho=0.7"]
)
def test_forms_that_do_not_go_together_are_refused(text):
    with pytest.raises(UserError, match="do not go together"):
        registry.part("loss", text)


def test_standard_correction_of_a_uniform_sampler_counts_the_positive_and_does_no_more():
    s = batch(2)
    uniform = of(s.pos, s.neg)  # all of them item 0
    assert_close(build("softmax:logq=standard")(uniform), build("softmax:incl=true")(uniform))
    assert (build("softmax:logq=standard")(s) - build("softmax:incl=true")(s)).abs().min() > 1e-3


def in_proportion(score: torch.Tensor, positive: float):
    """A batch of one with each of nine items among the negatives as often as its probability says, 1 to 9 times."""
    item = torch.repeat_interleave(torch.arange(9), torch.arange(9) + 1)[None]
    return of(torch.tensor([positive], dtype=torch.float64), score[item[0]][None], neg_item=item), item[0]


def test_refined_correction_has_the_gradient_of_softmax_over_all_items():
    tau = 0.3
    score = torch.linspace(-1, 0.8, 9, dtype=torch.float64).roll(4)
    s, item = in_proportion(score, 0.2)
    pos, neg = gradients(build(f"softmax:tau={tau},logq=refined"), s)
    p = torch.softmax(torch.cat([torch.tensor([0.2], dtype=torch.float64), score]) / tau, dim=0)
    assert_close(pos, (p[:1] - 1) / tau)
    assert_close(torch.zeros(9, dtype=torch.float64).index_add(0, item, neg[0]), p[1:] / tau)


def test_standard_correction_counts_the_positive_as_often_as_if_it_had_been_drawn():
    """That is 1 / (N q_i) times: too seldom if it is popular, so that the pull fades too late, else too often."""
    tau = 0.3
    score = torch.linspace(-1, 0.8, 9, dtype=torch.float64)
    s, _ = in_proportion(score, 0.2)
    pos, _ = gradients(build(f"softmax:tau={tau},logq=standard"), s)
    p = torch.softmax(torch.cat([torch.tensor([0.2], dtype=torch.float64), score]) / tau, dim=0)
    # 45 draws, so that their sum is 45 times the sum over items, and 1 / q_i is 45 for item 0: the two agree.
    assert_close(pos, (p[:1] - 1) / tau)
    s.pos_item = torch.tensor([8])  # an item drawn nine times as often
    pos, _ = gradients(build(f"softmax:tau={tau},logq=standard"), s)
    assert (pos < (p[:1] - 1) / tau).all()


def test_refined_correction_has_the_gradient_of_counting_the_positive_in_the_estimated_sum():
    s, tau = batch(3), 0.2
    logit = (s.neg - s.pos[:, None]) / tau - s.log_q(s.neg_item)
    want = torch.autograd.grad(softplus(torch.logsumexp(logit, 1) - math.log(7)).sum(), (s.pos, s.neg))
    for got, expected in zip(gradients(build(f"softmax:tau={tau},logq=refined"), s), want, strict=True):
        assert_close(got, expected)


def test_scaled_ce_with_weight_one_counts_the_positive_and_with_a_large_weight_does_not():
    s = batch(4)
    assert_close(build("scaledce:alpha=1")(s), build("softmax:incl=true")(s))
    large = build("scaledce:alpha=1e14")
    assert_close(large(s) - math.log(1e14), build("softmax")(s))
    for got, want in zip(gradients(large, s), gradients(build("softmax"), s), strict=True):
        assert_close(got, want)


def test_scaled_ce_without_a_weight_stands_for_the_items_not_drawn():
    s = batch(5, N=2)  # of 9 items 8 are others
    assert_close(build("scaledce:alpha=0")(s), build("scaledce:alpha=4")(s))
    whole = batch(5, N=8)
    assert_close(build("scaledce:alpha=0")(whole), build("softmax:incl=true")(whole))


def test_scaled_ce_gradient_is_softmax_times_the_probability_of_being_wrong():
    s, tau, alpha = batch(6), 0.2, 30
    weighed = alpha * ((s.neg - s.pos[:, None]) / tau).exp().detach()
    wrong = weighed.sum(1) / (1 + weighed.sum(1))
    pos, neg = gradients(build(f"scaledce:tau={tau},alpha={alpha}"), s)
    assert_close(pos, -wrong / tau)
    assert_close(neg, wrong[:, None] * weighed / weighed.sum(1, keepdim=True) / tau)


@pytest.mark.parametrize("hardest", [7, 10])
def test_opauc_of_all_negatives_is_bpr(hardest):
    s = batch(7, N=7)
    assert_close(build(f"opauc:hardest={hardest}")(s), build("bpr")(s))


def test_opauc_pushes_the_hardest_and_no_other():
    s = batch(8, N=40)
    pos, neg = gradients(build("opauc:hardest=4"), s)
    hard = s.neg >= s.neg.sort(dim=1, descending=True).values[:, 3:4]
    assert hard.sum(dim=1).tolist() == [4] * 6
    assert_close(neg, torch.where(hard, torch.sigmoid(s.neg - s.pos[:, None]) / 4, 0).detach())
    assert_close(pos, -neg.sum(dim=1))


def test_opauc_over_all_items_is_the_surrogate_of_the_partial_auc():
    """The mean over positives of the loss is that over the pairs with the share m/N of highest negatives."""
    generator = torch.Generator().manual_seed(0)
    pos, neg = (torch.rand(n, dtype=torch.float64, generator=generator) for n in (5, 400))
    top = neg.sort(descending=True).values[:20]
    want = softplus(top[None] - pos[:, None]).mean()
    assert_close(build("opauc:hardest=20")(of(pos, neg.expand(5, -1))).mean(), want)
