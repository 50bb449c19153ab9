import math

import torch
from loss_cases import batch, build, gradients, of
from torch.testing import assert_close


def test_no_gap_costs_log_two():
    s = of(torch.tensor([0.3, -2.0]), torch.tensor([[0.3, 0.3], [-2.0, -2.0]]))
    assert_close(build("bpr")(s), torch.full((2,), math.log(2)))


def test_gradient_is_the_published_one_and_sums_to_zero():
    s = batch(0)
    pos, neg = gradients(build("bpr"), s)
    sigma = torch.sigmoid(s.neg - s.pos[:, None]).detach()
    assert_close(neg, sigma / sigma.shape[1])
    assert_close(pos, -neg.sum(dim=1))


def test_with_one_negative_it_is_softmax_with_the_positive_at_temperature_one():
    s = batch(1, N=1)
    assert_close(build("bpr")(s), build("softmax:incl=true,tau=1")(s))


def test_a_very_wrong_pair_keeps_its_whole_gradient():
    s = of(torch.tensor([0.0]), torch.tensor([[500.0]]))
    assert gradients(build("bpr"), s)[0].item() == -1


def test_is_published_with_one_negative_a_small_rate_and_xavier():
    assert type(build("bpr")).recipe == {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 1,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }
