"""Losses with one fault each, and `Good`, which has none."""

import math

import torch
from torch.nn.functional import softplus

from rankbench.errors import UserError
from rankbench.losses import LogSumExp, Loss, Scores, param
from rankbench.rowwise import log_sum_exp


def gap_of(s: Scores):
    return s.neg - s.pos[:, None]


class Good(Loss):
    r"""Good: nothing is wrong with it. $\ell = \log(1 + \sum_j e^{d_j/\tau})$."""

    paper = "none"
    divisible = True
    tau: float = param(0.2, "temperature", above=0, grid=(0.1, 0.2))

    def forward(self, s):
        return softplus(log_sum_exp(gap_of(s) / self.tau))


class Flipped(Good):
    def forward(self, s):
        return softplus(log_sum_exp(-gap_of(s) / self.tau))


class Overflows(Loss):
    def forward(self, s):
        return torch.log(1 + torch.exp(gap_of(s)).mean(dim=1))


class OverflowsWhenCold(Good):
    def forward(self, s):
        return torch.log(1 + torch.exp(gap_of(s).clamp(-2, 2) / self.tau).mean(dim=1))


class DividesBySpread(Good):
    def forward(self, s):
        return super().forward(s) / s.neg.std(dim=1, correction=0).detach()


class Scalar(Good):
    def forward(self, s):
        return super().forward(s).mean()


class KeepsAnAxis(Good):
    def forward(self, s):
        return super().forward(s)[:, None]


class PerNegative(Good):
    def forward(self, s):
        return gap_of(s)


class WrongAxis(Good):
    def forward(self, s):
        return gap_of(s).mean(dim=0)


class ReturnsNothing(Good):
    def forward(self, s):
        super().forward(s)


class SinglePrecision(Good):
    def forward(self, s):
        return super().forward(s).float()


class Crashes(Good):
    def forward(self, s):
        return s.negatives.mean(dim=1)


class CrashesOnOne(Good):
    def forward(self, s):
        return softplus(gap_of(s).topk(2).values).mean(dim=1)


class CannotBeMade(Good):
    def bind(self, train, seed):
        raise KeyError("no such thing")


class CannotBeConstructed(Good):
    def __init__(self, **values):
        super().__init__(**values)
        self.half = self.taus / 2


class MovesInEval(Good):
    divisible = False

    def bind(self, train, seed):
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, s):
        self.calls += 1
        return super().forward(s)


class Forgets(Good):
    divisible = False

    def bind(self, train, seed):
        self.calls = 0

    def forward(self, s):
        self.calls += self.training
        return super().forward(s) * (1 + self.calls)


class MakesItsStateLate(Good):
    def refresh(self, epoch):
        if epoch.number == 5:
            self.register_buffer("late", torch.zeros(3))


class CrashesInAnEpoch(Good):
    def refresh(self, epoch):
        if epoch.number == 20:
            raise ValueError("not in the twentieth")


class Unseeded(Good):
    def bind(self, train, seed):
        self.register_buffer("weight", 1 + torch.rand(train.n_items))

    def forward(self, s):
        return super().forward(s) * self.weight[s.pos_item]


class Random(Good):
    divisible = False

    def forward(self, s):
        return super().forward(s) * (1 + torch.rand(len(s.pos)))


class ByPlace(Good):
    def forward(self, s):
        place = torch.arange(1, s.neg.shape[1] + 1)
        return (softplus(gap_of(s)) / place).sum(dim=1)


class ByPlaceOnPurpose(ByPlace):
    """For the negatives that are drawn, their order matters."""


class AcrossTheBatch(Good):
    divisible = False

    def forward(self, s):
        return super().forward(s) * torch.softmax(s.pos.detach(), dim=0)


class AcrossTheBatchOnPurpose(AcrossTheBatch):
    """The value depends on which examples share a batch."""


class NotTheExponentItSays(Good):
    def as_log_sum_exp(self, s):
        return LogSumExp(1 / self.tau)

    def forward(self, s):
        return super().forward(s)


class ExponentWithGradients(Loss):
    """The value is what it says; the gradient also flows through the exponent."""

    divisible = True

    def as_log_sum_exp(self, s):
        return LogSumExp(1 / (1 + s.pos.abs()))

    def forward(self, s):
        return log_sum_exp(gap_of(s) / (1 + s.pos.abs())[:, None])


class DishonestlyDivisible(AcrossTheBatchOnPurpose):
    divisible = True


class DivisibleWithAState(Good):
    def bind(self, train, seed):
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, s):
        if self.training and torch.is_grad_enabled():
            self.mean += s.neg.detach().mean()
        return super().forward(s)


class Settles(DivisibleWithAState):
    """The value depends on which examples share a batch."""

    def measure(self, s):
        return s.neg.mean(dim=1)

    def settle(self, user, pos_item, measured):
        mean = self.mean + measured.mean()
        if self.training and torch.is_grad_enabled():
            self.mean.copy_(mean)
        return mean.expand(len(user))

    def forward(self, s):
        return Good.forward(self, s) * (1 + self.settled(s).square())


class SettlesAPieceAtATime(Settles):
    def forward(self, s):
        s.measured = None
        return super().forward(s)


class MeasuresWithAState(Settles):
    def measure(self, s):
        if self.training:
            self.mean += 1
        return super().measure(s)


class NotSaidToBeDivisible(Good):
    divisible = False


class Detached(Good):
    def forward(self, s):
        weight = torch.softmax(gap_of(s).detach() / self.tau, dim=1)
        with torch.no_grad():
            scale = 1 + s.pos.square()
        return (weight * softplus(gap_of(s))).sum(dim=1) * scale


class DetachedWritten(Good):
    def forward(self, s):
        positive = s.pos.detach()
        positive *= 1  # a leaf that needs a gradient, were it not detached
        return super().forward(s) * (1 + positive.square())


class TakenOut(Good):
    def forward(self, s):
        return super().forward(s) * (1 + s.pos.sum().item() ** 2)


class ReadsData(Good):
    def forward(self, s):
        return super().forward(s) * (1 + s.pos.data.square())


class Spoilt(Good):
    divisible = False

    def bind(self, train, seed):
        self.register_buffer("worst", torch.zeros(()))

    def forward(self, s):
        if self.training and torch.is_grad_enabled():
            self.worst.copy_(self.worst + math.inf)
            self.worst.sub_(math.inf)
        return super().forward(s)


class DetachedPositive(Good):
    def forward(self, s):
        return softplus(s.neg - s.pos.detach()[:, None]).mean(dim=1)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 3


class WrongBackward(Good):
    def forward(self, s):
        return Doubled.apply(super().forward(s))


class LosesDigits(Good):
    def forward(self, s):
        return super().forward(s) + (s.pos + 1e7) - 1e7 - s.pos


class GridOutOfRange(Good):
    tau: float = param(0.2, "temperature", above=0, grid=(0.0, 0.2))


class GridWithoutAValue(Good):
    power: float = param(1.0, "exponent", grid=(0.5, 1.0))

    def forward(self, s):
        return softplus(gap_of(s)).mean(dim=1) * (1.0 if self.power == 1 else math.nan)


class Undescribed(Good):
    tau: float = param(0.2, "", grid=(0.1, 0.3))


class WrongRecipe(Good):
    recipe = {"learning_rate": 0.1}  # noqa: RUF012


class WrongScore(Good):
    score = "cosin"


class TakesAnything(Good):
    def __init__(self, **values):
        super().__init__()


class RefusesOne(Good):
    def forward(self, s):
        if s.neg.shape[1] < 2:
            raise UserError("It needs two negatives.")
        return super().forward(s)


class RestsAtFirst(Good):
    divisible = False

    def refresh(self, epoch):
        self.rests = epoch.number < 5

    def forward(self, s):
        value = super().forward(s)
        return value.detach() if self.rests else value
