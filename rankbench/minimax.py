"""Parameters of a loss that climb while the model descends, or that move at a rate of their own.

The one optimiser of a training descends on all parameters at the model's learning rate. A loss that maximises over some
of its parameters, or learns them faster or slower than the model, reads them through `ascend` or `descend`.
"""

from typing import Any

import torch
from torch import Tensor, nn


def parameter(value: Tensor, rate: float = 1.0) -> nn.Parameter:
    """Return the parameter that `ascend` and `descend` at this rate read as `value`."""
    return nn.Parameter(value / rate)


def descend(parameter: Tensor, rate: float = 1.0) -> Tensor:
    """Return the value of a parameter that Adam makes descend at `rate` times the model's learning rate.

    The value is `rate` times the parameter, and its gradient is handed on as it is: a step of Adam, whose size does not
    depend on that of the gradient, moves the value by `rate` times as much.
    """
    out: Tensor = _Scaled.apply(parameter, rate, 1)  # type: ignore[no-untyped-call]
    return out


def ascend(parameter: Tensor, rate: float = 1.0) -> Tensor:
    """Return the value of a parameter as `descend` does, but with its gradient reversed, so that it climbs."""
    out: Tensor = _Scaled.apply(parameter, rate, -1)  # type: ignore[no-untyped-call]
    return out


def directed(parameters: Tensor, rates: Tensor, signs: Tensor) -> Tensor:
    """Return the values of several parameters, each as `descend` does or, where its sign is -1, as `ascend` does."""
    out: Tensor = _Scaled.apply(parameters, rates, signs)  # type: ignore[no-untyped-call]
    return out


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parameter: Tensor, rate: float | Tensor, sign: int | Tensor) -> Tensor:
        ctx.sign = sign
        return parameter * rate

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] * ctx.sign, None, None
