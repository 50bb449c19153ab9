"""What the tests of backbones share: small train sets, bound backbones, and their dense float64 references."""

import torch
from torch import Tensor

from rankbench import registry
from rankbench.backbones import Backbone, Batch
from rankbench.data.interactions import Interactions
from toy import random_interactions

N_USERS, N_ITEMS, DIM = 15, 12, 6
TRAIN = random_interactions(2, N_USERS, N_ITEMS, 5)
BATCH = Batch(torch.tensor([0, 3, 3, 7]), torch.tensor([1, 2, 5, 1]), key=99)

VARIANTS = [
    "mf",
    "lightgcn",
    "lightgcn:layers=3",
    "lightgcn++",
    "lightgcn++:gamma=0,layers=3",
    "simgcl",
    "simgcl:form=ir-benchmark,layers=2",
    "xsimgcl",
    "xsimgcl:form=ir-benchmark,contrast_layer=2",
    "ngcf",
    "ngcf:norm=false,dropout=0,layers=2",
    "ngcf:node_dropout=0.3",
    "simplex",
    "simplex:pooling=attention,gate=0.2",
    "simplex:pooling=user-attention",
]


def made(text: str, train: Interactions = TRAIN, dim: int = DIM, seed: int = 0) -> Backbone:
    """The backbone that one types as `text`, bound to a train set, in float64."""
    part = registry.part("backbone", text)
    backbone = registry.find("backbone", part.name)(**dict(part.params))
    assert isinstance(backbone, Backbone)
    backbone.bind(train, dim, "normal", torch.Generator().manual_seed(seed))
    return backbone.double()


def table(backbone: Backbone) -> Tensor:
    """The stacked embeddings (U + I, d)."""
    return torch.cat([backbone.user, backbone.item])
