"""Losses on lists and on vectors that are broken in one way each."""

import pytest
import torch

from rankbench.contract import pace
from rankbench.contract.examine import examine
from rankbench.losses import ListLoss, VectorLoss, param
from rankbench.rowwise import log_sum_exp
from rankbench.speed import engine


def verdicts(owner):
    return {verdict.name: verdict for verdict in examine(owner, speed=False)}


def marked(found, mark):
    return {name for name, verdict in found.items() if verdict.mark == mark}


class Lists(ListLoss):
    r"""Lists: nothing is wrong with it. $\ell = 0$."""

    paper = "none"
    divisible = True
    tau: float = param(0.2, "temperature", above=0)

    def forward(self, s):
        logit = s.score / self.tau
        own = logit.where(s.relevant, 0).sum(dim=1) / s.relevant.sum(dim=1)
        return log_sum_exp(logit) - own


class FlippedLists(Lists):
    def forward(self, s):
        return -super().forward(s)


class ScalarOfLists(Lists):
    def forward(self, s):
        return super().forward(s).mean()


class NeedsTwoTrainItems(Lists):
    def forward(self, s):
        spread = s.score.masked_fill(~s.relevant, 0).sum(dim=1) / (s.relevant.sum(dim=1) - 1)
        return super().forward(s) + 0 * spread


class NeedsTwoUsers(Lists):
    """Which users share a batch matters."""

    divisible = False

    def forward(self, s):
        return super().forward(s) / s.score.detach().std(dim=0).mean().clamp_min(1)


class DividesBySpread(Lists):
    def forward(self, s):
        return super().forward(s) / s.score.std(dim=1)


class OverflowingLists(Lists):
    def forward(self, s):
        return torch.log(torch.exp(s.score).sum(dim=1)) - s.score.where(s.relevant, 0).mean(dim=1)


class AcrossUsers(Lists):
    def forward(self, s):
        return super().forward(s) + s.score.mean()


class Pairs(VectorLoss):
    r"""Pairs: nothing is wrong with it. $\ell = 0$."""

    paper = "none"
    tau: float = param(0.2, "temperature", above=0)

    def forward(self, s):
        logit = s.user_vec @ s.item_vec.t() / self.tau
        return log_sum_exp(logit) - logit.diagonal()


class FlippedPairs(Pairs):
    def forward(self, s):
        return -super().forward(s)


class Distance(Pairs):
    """The root has no slope at 0."""

    def forward(self, s):
        return (s.user_vec - s.item_vec).square().sum(dim=1).sqrt()


class NeedsTwoPairs(Pairs):
    def forward(self, s):
        return super().forward(s) / s.user_vec.std(dim=0).mean().detach().clamp_min(0.1)


class DetachedPairs(Pairs):
    def forward(self, s):
        return s.user_vec.detach().square().sum(dim=1)


class OfTheCatalogue(Pairs):
    """Its positives are read from the catalogue."""

    score = "dot"

    def forward(self, s):
        return -torch.sigmoid((s.user_vec * s.catalogue[s.item]).sum(dim=1))


@pytest.mark.parametrize(
    ("owner", "failed"),
    [
        (Lists, set()),
        (FlippedLists, {"positives", "negatives"}),
        (ScalarOfLists, {"value"}),
        (NeedsTwoTrainItems, {"value"}),
        (OverflowingLists, {"large"}),
        (NeedsTwoUsers, {"small"}),
        (DividesBySpread, {"cosines", "equal"}),
        (AcrossUsers, {"batch", "divisible"}),
        (Pairs, set()),
        (FlippedPairs, {"aligned"}),
        (Distance, {"collapsed"}),
        (NeedsTwoPairs, {"small"}),
        (DetachedPairs, {"aligned"}),
        (OfTheCatalogue, set()),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_loss_gets_the_verdicts_that_it_deserves(owner, failed):
    found = verdicts(owner)
    assert marked(found, "failed") == failed, {n: v.got for n, v in found.items() if v.mark == "failed"}


@pytest.mark.parametrize(("owner", "plain"), [(Lists, "full-softmax"), (Pairs, "infonce")])
def test_speed_is_compared_with_the_softmax_of_the_kind(owner, plain, monkeypatch):
    monkeypatch.setattr(engine, "_BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(pace, "_ROUNDS", 1)
    (verdict,) = [v for v in examine(owner) if v.group == "Speed"]
    assert f"times {plain}" in verdict.got
