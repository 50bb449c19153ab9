"""Adam as torch has it, on all threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rankbench.parallel import over_blocks

_BLOCK = 2**18
"""Numbers that one thread updates at once: a MiB of each of parameter, gradient and both moments."""


class Adam(torch.optim.Adam):
    """`torch.optim.Adam`, fused, whose step on the CPU is taken in blocks on all threads.

    Each number is updated by itself, so the result is that of the whole table at once, to the bit.
    """

    def __init__(
        self, parameters: list[torch.nn.Parameter], lr: float, weight_decay: float, capturable: bool = False
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, fused=True, capturable=capturable)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, also one of another device: whether a step can be captured is a matter of this one."""
        capturable = [group["capturable"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, own in zip(self.param_groups, capturable, strict=True):
            group["capturable"] = own

    def step(self, closure: Any = None) -> Any:
        """Take a step with all parameters that have a gradient."""
        groups = self.param_groups
        trained = [(group, p, p.grad) for group in groups for p in group["params"] if p.grad is not None]
        if closure is not None or any(p.device.type != "cpu" for _, p, _ in trained):
            return super().step(closure)
        updates = [update for found in trained for update in self._updates(*found)]
        few = sum(p.numel() for _, p, _ in trained) <= _BLOCK  # to share them out would cost more

        def update(start: int, stop: int) -> None:
            for take in updates[start:stop]:
                take()

        over_blocks(update, len(updates), max(len(updates), 1) if few else 1)
        return None

    def _updates(self, group: dict[str, Any], parameter: Tensor, grad: Tensor) -> list[Callable[[], None]]:
        """Return the updates of the blocks of a parameter, and count its step."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # ()
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        tensors = (parameter.detach(), grad, state["exp_avg"], state["exp_avg_sq"])
        whole = not all(t.is_contiguous() for t in tensors)
        blocks = zip(*([t] if whole else t.view(-1).split(_BLOCK) for t in tensors), strict=True)
        return [partial(_update, group, state["step"], *block) for block in blocks]


def _update(group: dict[str, Any], step: Tensor, parameter: Tensor, grad: Tensor, mean: Tensor, square: Tensor) -> None:
    beta1, beta2 = group["betas"]
    torch._fused_adam_(
        [parameter],
        [grad],
        [mean],
        [square],
        [],
        [step],
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )
