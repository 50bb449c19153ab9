"""Adam as torch has it, on all threads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rankbench.parallel import over_blocks

_BLOCK = 2**18
"""Numbers that one thread updates at once: a MiB of each of parameter, gradient and both moments."""

Numbers = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""A parameter, its gradient, both of its moments, of one shape, and its count of steps ()."""


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
        trained = [[p for p in group["params"] if p.grad is not None] for group in groups]
        every = [p for parameters in trained for p in parameters]
        if closure is not None or any(p.device.type != "cpu" for p in every):
            return super().step(closure)
        if sum(p.numel() for p in every) <= _BLOCK:  # to share them out would cost more
            for group, parameters in zip(groups, trained, strict=True):
                if parameters:
                    _update(group, [self._numbers(p) for p in parameters])
            return None
        updates = [
            partial(_update, group, [block])
            for group, parameters in zip(groups, trained, strict=True)
            for parameter in parameters
            for block in _blocks(*self._numbers(parameter))
        ]
        over_blocks(lambda start, stop: updates[start](), len(updates), 1)
        return None

    def _numbers(self, parameter: Tensor) -> Numbers:
        """Return what a parameter's update reads and writes, and count its step."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # ()
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        assert parameter.grad is not None
        return parameter.detach(), parameter.grad, state["exp_avg"], state["exp_avg_sq"], state["step"]


def _blocks(*numbers: Tensor) -> Iterator[Numbers]:
    """Yield the numbers of a parameter in blocks, each with the count of steps."""
    *tensors, step = numbers
    whole = not all(t.is_contiguous() for t in tensors)
    for block in zip(*([t] if whole else torch.split(t.view(-1), _BLOCK) for t in tensors), strict=True):
        yield (*block, step)


def _update(group: dict[str, Any], numbers: list[Numbers]) -> None:
    parameters, grads, means, squares, steps = (list(of_all) for of_all in zip(*numbers, strict=True))
    beta1, beta2 = group["betas"]
    torch._fused_adam_(
        parameters,
        grads,
        means,
        squares,
        [],
        steps,
        lr=float(group["lr"]),
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )
