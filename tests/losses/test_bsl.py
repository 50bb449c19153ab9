import pytest
import torch
from loss_cases import N_USERS, batch, build, gradients, of
from torch.testing import assert_close

from rankbench.errors import UserError


def alone(B=N_USERS, seed=0):
    """A batch in which every user has one row."""
    s = batch(seed, B)
    return of(s.pos, s.neg, user=torch.arange(B))


def softmax(tau, s):
    return build(f"softmax:tau={tau}")(s)


@pytest.mark.parametrize(("tau1", "tau2"), [(0.1, 0.1), (0.5, 0.05), (0.05, 0.2)])
def test_pair_is_softmax_scaled(tau1, tau2):
    s = batch(0)
    loss = build(f"bsl:tau1={tau1},tau2={tau2}")
    assert_close(loss(s), tau2 / tau1 * softmax(tau2, s), rtol=1e-12, atol=1e-12)
    plain = gradients(build(f"softmax:tau={tau2}"), s)
    for got, want in zip(gradients(loss, s), plain, strict=True):
        assert_close(got, tau2 / tau1 * want, rtol=1e-12, atol=1e-12)


def test_ratio_one_is_softmax_and_another_ratio_is_not_shift_invariant():
    s = batch(1)
    assert_close(build("bsl:mode=ratio,ratio=1,tau2=0.2")(s), softmax(0.2, s))
    loss = build("bsl:mode=ratio,ratio=1.3,tau2=0.2")
    moved = of(s.pos + 0.5, s.neg + 0.5)
    assert_close(loss(moved) - loss(s), torch.full_like(s.pos, 0.3 * 0.5 / 0.2))


def test_ratio_pushes_negatives_that_much_harder_than_it_pulls():
    s = batch(2)
    pos, neg = gradients(build("bsl:mode=ratio,ratio=1.3,tau2=0.2"), s)
    assert_close(pos, torch.full_like(pos, -1 / 0.2))
    assert_close(neg.sum(dim=1), torch.full_like(pos, 1.3 / 0.2))


def test_user_with_one_row_each_is_pair_times_the_first_temperature():
    s = alone()
    assert_close(build("bsl:mode=user,tau1=0.3,tau2=0.1")(s), 0.3 * build("bsl:tau1=0.3,tau2=0.1")(s))


def test_user_with_a_hot_first_temperature_is_softmax_in_the_mean():
    s = batch(3)
    assert len(s.user.unique()) < len(s.user)
    assert_close(build("bsl:mode=user,tau1=1e6,tau2=0.2")(s).mean(), 0.2 * softmax(0.2, s).mean(), rtol=1e-6, atol=0)


def test_user_with_a_cold_first_temperature_pulls_the_best_positive_only():
    s = of(torch.tensor([0.1, 0.5, 0.3]), torch.zeros(3, 4), user=torch.tensor([0, 0, 1]))
    pos, _ = gradients(build("bsl:mode=user,tau1=0.001"), s)
    assert_close(pos, torch.tensor([0.0, -2.0, -1.0]))  # Both rows of user 0 pull on its best one.


def test_user_weighs_every_interaction_alike():
    s = batch(4)
    pos, neg = gradients(build("bsl:mode=user,tau1=0.3,tau2=0.1"), s)
    for user in s.user.unique():
        mine = s.user == user
        assert_close(pos[mine].sum(), -mine.sum().double())
        assert_close(neg[mine].sum(), mine.sum().double())


def test_user_takes_the_most_hopeful_mean_of_the_positives():
    tau, user = 0.3, torch.zeros(5, dtype=torch.long)
    s = batch(5, B=5)
    s = of(s.pos, torch.zeros(5, 1), user=user)
    hopeful = -build(f"bsl:mode=user,tau1={tau}")(s)[0]  # Zero negatives leave tau * LME(s / tau).

    def value(q):
        return (q * s.pos.detach()).sum() - tau * (q * (5 * q).log()).sum()

    assert_close(value(torch.softmax(s.pos.detach() / tau, dim=0)), hopeful.detach())
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        q = torch.softmax(torch.randn(5, dtype=torch.float64, generator=generator) * 3, dim=0)
        assert value(q) <= hopeful + 1e-12


@pytest.mark.parametrize("text", ["bsl:ratio=1.3", "bsl:mode=user,ratio=1.3", "bsl:mode=ratio,tau1=0.3"])
def test_a_parameter_that_the_mode_does_not_read_is_refused(text):
    with pytest.raises(UserError, match="has no effect with mode="):
        build(text)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UserError, match="expected pair or ratio or user"):
        build("bsl:mode=paper")
