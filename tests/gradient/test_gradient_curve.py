import numpy as np
import pytest
import torch
from gradient_cases import build, coarse, curve_of  # noqa: F401

from rankbench import registry
from rankbench.errors import UserError
from rankbench.gradient.curve import POINTS, curve
from rankbench.gradient.typical import NEGATIVE, POSITIVE, SPREAD, USERS, quantiles
from rankbench.losses import Loss, VectorLoss

REST = NEGATIVE + SPREAD * quantiles(999).numpy()
"""Cosines of the 999 negatives at rest."""

WITHOUT = {"directau", "mawu"}
"""Losses that give no negative a weight."""


def softmax_of(moving: np.ndarray, tau: float) -> np.ndarray:
    """The probability of the moving negative among it and those at rest, by its score."""
    return np.array([np.exp(s / tau) / (np.exp(s / tau) + np.exp(REST / tau).sum()) for s in moving])


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("name", [n for n in registry.names("loss") if n not in WITHOUT])
def test_every_built_in_loss_has_a_finite_curve(name):
    found = curve_of(name)
    assert found.at[0] == -found.at[-1] == (-1 if found.score == "cosine" else -5)
    assert np.isfinite(found.weight).all()
    assert np.abs(found.relative).max() == 1
    assert (np.abs(found.share) <= 1).all()
    assert found.weight[-1] > 0, "a negative with the highest score is pushed down"
    if found.settled:
        assert np.array_equal(curve_of(name).weight, found.weight), "nothing in it is chance"


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_losses_without_negatives_are_refused_and_say_why(name):
    with pytest.raises(UserError, match=f"{name} gives no negative a weight: it depends on how items lie"):
        curve_of(name)


@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_softmax_is_its_probability_over_the_temperature(tau):
    found = curve_of(f"softmax:tau={tau}")
    p = softmax_of(found.at, tau)
    np.testing.assert_allclose(found.weight, p / tau, rtol=1e-9)
    np.testing.assert_allclose(found.share, p, rtol=1e-9)
    np.testing.assert_allclose(found.relative, p / p[-1], rtol=1e-9)
    assert len(found.at) == POINTS
    assert (found.negatives, found.sees, found.settled) == (1000, "negatives", False)


def test_psl_with_the_exponential_is_softmax_at_twice_the_temperature():
    psl, softmax = curve_of("psl:activation=exp,tau=0.1"), curve_of("softmax:tau=0.2")
    np.testing.assert_allclose(psl.weight, softmax.weight, rtol=1e-9)


@pytest.mark.parametrize("N", [None, 4])
def test_bpr_is_the_logistic_function_of_the_gap(N):
    found = curve_of("bpr", N)
    assert found.negatives == (N or 1)
    np.testing.assert_allclose(found.weight, 1 / (1 + np.exp(5 * POSITIVE - found.at)) / (N or 1), rtol=1e-9)
    np.testing.assert_allclose(found.cosine, np.linspace(-1, 1, POINTS))
    if N is None:
        assert (found.share == 1).all(), "one negative has the whole push"


def test_ccl_steps_at_its_margin():
    found = curve_of("ccl:margin=0.305,weight=50")
    np.testing.assert_allclose(found.weight, np.where(found.at > 0.305, 50 / 1000, 0), rtol=1e-12)


def test_hinge_steps_a_margin_below_the_positive():
    found = curve_of("hinge:margin=0.98")
    np.testing.assert_allclose(found.weight, np.where(found.at > 5 * POSITIVE - 0.98, 1, 0))


def test_mse_pulls_a_negative_below_nought_up():
    found = curve_of("mse")
    np.testing.assert_allclose(found.weight, 2 * found.at / 1000, atol=1e-12)
    np.testing.assert_allclose(found.relative, found.cosine, atol=1e-12)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(
    "text", ["softmax", "softmax:incl=true", "psl", "bsl:mode=user", "bpr", "bce", "gbce", "ccl", "hinge", "warp",
             "simce", "cml", "scaledce", "full-softmax", "multinomial", "infonce", "mse", "wrmf", "llpauc", "talos"],
)  # fmt: skip
def test_a_harder_negative_weighs_no_less(text):
    assert (np.diff(curve_of(text, 60).weight) >= -1e-12).all()


@pytest.mark.usefixtures("coarse")
def test_approxndcg_is_largest_where_the_negative_meets_the_positive():
    found = curve_of("approxndcg:tau=0.02")
    assert found.at[found.weight.argmax()] == pytest.approx(POSITIVE)


@pytest.mark.usefixtures("coarse")
def test_dsl_without_its_temperature_is_softmax_and_with_it_is_softer_on_the_hardest():
    softmax, dsl = curve_of("softmax:tau=0.15"), curve_of("dsl")
    np.testing.assert_allclose(curve_of("dsl:gamma=0").weight, softmax.weight, rtol=1e-9)
    assert dsl.weight[-1] < 0.8 * softmax.weight[-1]
    assert curve_of("dsl:gamma=-0.25").weight[15] > softmax.weight[15] > dsl.weight[15] > 0


@pytest.mark.usefixtures("coarse")
def test_a_list_is_an_example_whose_negatives_are_all_other_items():
    full, sampled = curve_of("full-softmax:tau=0.2"), curve_of("softmax:tau=0.2")
    assert (full.sees, full.negatives) == ("lists", 1000)
    np.testing.assert_allclose(full.share, sampled.share, rtol=1e-9)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("text", ["infonce:tau=0.2", "infonce:tau=0.2,logq=true", "infonce:tau=0.2,mask=false"])
def test_in_the_batch_infonce_is_softmax_with_the_positive_in_the_denominator(text):
    in_batch, sampled = curve_of(text, 20), curve_of("softmax:tau=0.2,incl=true", 20)
    assert (in_batch.sees, in_batch.negatives) == ("vectors", 20)
    np.testing.assert_allclose(in_batch.weight, sampled.weight, rtol=1e-6)
    np.testing.assert_allclose(in_batch.share, sampled.share, rtol=1e-6)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(
    "text", ["softmax:incl=true", "infonce", "psl", "dsl", "slatk", "talos", "song", "full-softmax"]
)
def test_one_negative_is_enough(text):
    assert curve_of(text, 1).negatives == (1000 if text == "full-softmax" else 1)


@pytest.mark.usefixtures("coarse")
def test_a_loss_on_vectors_has_no_more_negatives_than_a_batch_may_cost():
    assert curve_of("infonce", 300).negatives == 255


@pytest.mark.usefixtures("coarse")
def test_states_are_settled():
    softmax = curve_of("softmax:tau=0.15")
    whole = curve_of("sogclr:gamma=1,tau=0.15")
    assert whole.settled
    np.testing.assert_allclose(whole.weight, softmax.weight, rtol=1e-6, err_msg="no average: softmax's gradient")
    averaged = curve_of("sogclr:gamma=0.1,tau=0.15")
    assert averaged.weight[-1] > 1.5 * whole.weight[-1], "the average does not yet know how hard this negative is"
    slatk = curve_of("slatk:tau=0.15,tau_weight=0.5")
    ratio = slatk.weight / softmax.weight
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    threshold = POSITIVE - 0.5 * np.log(ratio[0] / (1 - ratio[0]))
    assert 0.2 < threshold < 0.4, "the weight of the positive comes from a threshold found among the scores at rest"


@pytest.mark.usefixtures("coarse")
def test_negatives_that_a_loss_refuses():
    with pytest.raises(UserError, match="at most 512 negatives"):
        curve_of("neuralndcg", 600)


class NaN(Loss):
    def forward(self, s):
        return (s.neg - s.neg.detach().amax()).sqrt().sum(dim=1)


class Blind(Loss):
    def forward(self, s):
        return -s.pos


class Constant(Loss):
    def forward(self, s):
        return torch.zeros(USERS)


class Popular(VectorLoss):
    """Its negatives are all items of the catalogue, by inner products."""

    score = "dot"

    def forward(self, s):
        logit = s.user_vec @ s.catalogue.t()
        return torch.logsumexp(logit, dim=1) - (s.user_vec * s.item_vec).sum(dim=1)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(("loss", "why"), [(NaN, "not finite"), (Blind, "no negative"), (Constant, "no negative")])
def test_nonsense_is_not_drawn(loss, why):
    with pytest.raises(UserError, match=why):
        curve(loss(), "mine")


class Fickle(Popular):
    """Counts examples in every fifth step only."""

    def bind(self, train, seed):
        self.counts = seed % 5 == 4

    def forward(self, s):
        return super().forward(s) * self.counts


@pytest.mark.usefixtures("coarse")
def test_a_loss_that_leaves_examples_out_at_random_is_seen_when_it_does_not():
    found, always = curve(Fickle(), "fickle", 20), curve(Popular(), "popular", 20)
    assert np.array_equal(found.weight, always.weight)


@pytest.mark.usefixtures("coarse")
def test_the_catalogue_holds_negatives_too():
    found = curve(Popular(), "mine", 20)
    assert found.at[-1] == pytest.approx(5)
    logits = np.append(5 * (NEGATIVE + SPREAD * quantiles(19).numpy()), 5 * POSITIVE)
    p = [np.exp(s) / (np.exp(s) + np.exp(logits).sum()) for s in found.at]
    np.testing.assert_allclose(found.weight, p, rtol=1e-6)
