"""Backbones with one fault each, and `Good`, which has none."""

import numpy as np
import torch

from rankbench.backbones import Backbone, LossFree, initial, param
from rankbench.errors import UserError


class Good(Backbone):
    r"""Good: nothing is wrong with it. $s = \langle w p_u, q_i \rangle$."""

    paper = "none"
    weight: float = param(0.5, "weight", above=0, grid=(0.5, 1.0))

    def bind(self, train, dim, init, generator):
        self.user = initial(train.n_users, dim, init, generator)
        self.item = initial(train.n_items, dim, init, generator)

    def forward(self):
        return self.weight * self.user, self.item


class NeedsMore(Good):
    def bind(self, train, dim, init, generator):
        raise UserError("Too small.", "Give more.")


class Transposed(Good):
    def forward(self):
        return self.user.t(), self.item


class OneTable(Good):
    def forward(self):
        return self.user


class SinglePrecision(Good):
    def forward(self):
        return self.user.float(), self.item.float()


class DividesByDegree(Good):
    def bind(self, train, dim, init, generator):
        super().bind(train, dim, init, generator)
        self.register_buffer("degree", torch.from_numpy(train.item_counts.astype(np.float32)))

    def forward(self):
        return self.user, self.item / self.degree[:, None]


class Noisy(Good):
    def forward(self):
        return self.user + torch.randn(self.user.shape), self.item


class Detached(Good):
    def forward(self):
        return self.user, self.item.detach()


class HalfDetached(Good):
    def forward(self):
        return self.user * self.user.detach(), self.item


class Idle(Good):
    def bind(self, train, dim, init, generator):
        super().bind(train, dim, init, generator)
        self.spare = torch.nn.Parameter(torch.ones(3))


class Untrained(Good):
    def bind(self, train, dim, init, generator):
        self.register_buffer("user", torch.randn(train.n_users, dim, generator=generator))
        self.register_buffer("item", torch.randn(train.n_items, dim, generator=generator))


class Unseeded(Good):
    def bind(self, train, dim, init, generator):
        self.user = torch.nn.Parameter(torch.randn(train.n_users, dim))
        self.item = torch.nn.Parameter(torch.randn(train.n_items, dim))


class Constant(Good):
    def bind(self, train, dim, init, generator):
        super().bind(train, dim, init, torch.Generator().manual_seed(0))


class StepWithGlobalNoise(Good):
    def step(self, batch):
        user_vec, item_vec = self()
        return user_vec + torch.randn(user_vec.shape), item_vec, None


class PenaltyPerExample(Good):
    def step(self, batch):
        user_vec, item_vec = self()
        return user_vec, item_vec, user_vec[batch.user].square().sum(1)


class Remembers(Good):
    """Keeps what is trained in an attribute that is no parameter."""

    def bind(self, train, dim, init, generator):
        super().bind(train, dim, init, generator)
        self.offset = [torch.rand(1, generator=generator).double()]

    def forward(self):
        return self.user + self.offset[0], self.item


class ByNumber(Good):
    def forward(self):
        return self.user * (1 + torch.arange(len(self.user)))[:, None], self.item


class TakesAnything(Good):
    def __init__(self, **values):
        super().__init__()


class Crashes(Good):
    def forward(self):
        return self.nothing, self.item


class FittedAtRandom(LossFree):
    def fit(self, train, seed):
        self.user, self.item = torch.rand(train.n_users, 2), torch.rand(train.n_items, 2)

    def forward(self):
        return self.user, self.item
