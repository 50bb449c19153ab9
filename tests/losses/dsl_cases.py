"""What the tests of DSL share: its variants and what its two scales come to."""

import torch
from torch import Tensor

from rankbench.losses import Scores
from rankbench.losses.dsl import DSL

KAPPA = "lambda_hardness=0.5,lambda_similarity=0.7,clip_kappa=2"
BOTH = f"dsl:{KAPPA},gamma=0.5,slate=3,tau=0.2"
VARIANTS = [BOTH, f"{BOTH},competition=radius", f"{BOTH},hardness=violation", "dsl:slate=3,gamma=-0.5"]


def parts(loss: DSL, s: Scores) -> tuple[Tensor, Tensor, Tensor]:
    """log kappa (B, N), 1/tau_b (B,) and p (B, N)."""
    gap = (s.neg - s.pos[:, None]).detach()
    log_kappa = loss.log_kappa(s)
    sharpness = loss.sharpness(competition(loss, s)) if loss.gamma else gap.new_full((len(gap),), 1 / loss.tau)
    if log_kappa is None:
        log_kappa = torch.zeros_like(gap)
    return log_kappa, sharpness, torch.softmax(log_kappa + gap * sharpness[:, None], dim=1)


def competition(loss: DSL, s: Scores) -> Tensor:
    """What the temperature follows (B,)."""
    return loss.competition_of(s, loss.log_kappa(s))
