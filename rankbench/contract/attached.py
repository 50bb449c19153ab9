"""Why a gradient is not the derivative: what happens if nothing is detached, and whose backward is involved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_OURS = "rankbench."


class Attached(TorchFunctionMode):
    """While it is entered, `detach`, `.data` and `torch.no_grad` do nothing.

    Args:
        file: the file whose lines are noted that would have detached something.
    """

    def __init__(self, file: Path | None) -> None:
        super().__init__()
        self.file = file
        self.lines: set[int] = set()
        self.used = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer a call of torch's."""
        if torch.is_grad_enabled():  # else a Function's forward is under way, of which nothing is recorded anyway
            if func is torch._C._set_grad_enabled:
                if not args[0]:
                    self._note()
                return None
            if func in (Tensor.detach, torch.detach) or _reads_data(func):
                self._note()
                return args[0]
        return func(*args, **(kwargs or {}))

    def _note(self) -> None:
        self.used = True
        frame = sys._getframe(1)
        while frame.f_back is not None:
            if self.file and Path(frame.f_code.co_filename) == self.file:
                self.lines.add(frame.f_lineno)
                return
            frame = frame.f_back


def _reads_data(func: Callable[..., Any]) -> bool:
    return getattr(func, "__self__", None) is Tensor.data and func.__name__ == "__get__"


def custom_functions(value: Tensor) -> list[str]:
    """Return the names of the `torch.autograd.Function`s, not of ours, that a value was computed with."""
    found: set[str] = set()
    seen: set[object] = set()
    todo = [value.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            forward = type(node)._forward_cls
            if not forward.__module__.startswith(_OURS):
                found.add(forward.__name__)
        todo += [following for following, _ in node.next_functions]
    return sorted(found)
