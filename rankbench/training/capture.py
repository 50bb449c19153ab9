"""A step as a CUDA graph: launched once by Python, replayed from then on, so that no step waits for the host.

What Python does in a step is not replayed. So a step can be captured if it asks the device for nothing and if nothing
that it keeps on the host changes from one step to the next; the state of loss and backbone on the host is compared to
find out. It is captured anew when that state has changed between two epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, Protocol

import torch
from torch import nn

Replay = Callable[[], None]

HostState = dict[tuple[int, str], Any]
"""Of each module, by its place, and each attribute: the value, or where the tensor lies and whether it is trained; of
lists and tables, those of their entries."""

_PLAIN = (bool, int, float, str, type(None))
_OWN = frozenset(vars(nn.Module()))
"""What every module has, which is not told of as an attribute."""


class CaptureError(RuntimeError):
    """A step does what a replay would not repeat."""


class HostNumber:
    """In the place of the key of a step's random numbers while it is captured: to compute anything from it raises."""

    def _refuse(self, *others: object) -> NoReturn:
        raise CaptureError("it draws random numbers on the host")

    __int__ = __index__ = __add__ = __radd__ = __mul__ = __rmul__ = __xor__ = __rxor__ = __and__ = _refuse
    __rshift__ = __lshift__ = __mod__ = __neg__ = __hash__ = __str__ = __repr__ = __format__ = _refuse


class Graphs(Protocol):
    """Runs steps so that they can be captured, and captures them."""

    def run(self, work: Callable[[], None]) -> None:
        """Do a work."""

    def capture(self, work: Callable[[], None]) -> Replay:
        """Record what a work launches, without running it; raise RuntimeError if that cannot be replayed."""


class CudaGraphs:
    """Graphs of CUDA: steps run on a stream of their own, where they can be captured."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def run(self, work: Callable[[], None]) -> None:
        """Do a work on the stream, after what was launched before and before what will be."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            work()
        torch.cuda.current_stream().wait_stream(self._stream)

    def capture(self, work: Callable[[], None]) -> Replay:
        """Record a work as a graph; other threads may use the device meanwhile."""
        graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                work()
        finally:
            torch.cuda.set_stream(before)  # a capture that fails leaves its own stream behind
        return graph.replay


def captured(graphs: Graphs, work: Callable[[], None], modules: Iterable[nn.Module]) -> Replay:
    """Return the replay of a step.

    Args:
        graphs: what captures it.
        work: takes the step.
        modules: loss and backbone; their state on the host is put back to what it was before.

    Raises:
        CaptureError: a replay would not do what the step does.
    """
    modules = list(modules)
    before, kept = host_state(modules), _kept(modules)
    try:
        replay = graphs.capture(work)
    except Exception as error:  # of torch, of CUDA, or of the loss, which raises it again when the step is taken
        _restore(modules, kept)
        raise CaptureError(_told(error)) from error
    changed = [name for (_, name), value in host_state(modules).items() - before.items()]
    if changed:
        _restore(modules, kept)
        raise CaptureError(f"each step changes {', '.join(sorted(set(changed)))} on the host")
    return replay


def host_state(modules: Iterable[nn.Module]) -> HostState:
    """Return what steps depend on besides the values of tensors."""
    state: HostState = {}
    for place, part in enumerate(_parts(modules)):
        attributes = {name: value for name, value in vars(part).items() if name not in _OWN or name == "training"}
        for name, value in {**part._parameters, **part._buffers, **attributes}.items():
            if (seen := _seen(value)) is not _UNSEEN:
                state[place, name] = seen
    return state


_UNSEEN = object()


def _seen(value: Any) -> Any:
    """Return what can be compared of an attribute, `_UNSEEN` for one of another kind."""
    if isinstance(value, torch.Tensor):
        return value.data_ptr(), value.requires_grad
    if type(value) is dict:
        return tuple((str(key), _seen(entry)) for key, entry in value.items())
    if type(value) in (list, tuple):
        return tuple(map(_seen, value))
    return value if isinstance(value, _PLAIN) else _UNSEEN


def _kept(modules: Iterable[nn.Module]) -> HostState:
    """Return the attributes that a step may change on the host, tensors apart."""
    return {
        (place, name): _copied(value)
        for place, part in enumerate(_parts(modules))
        for name, value in vars(part).items()
        if (isinstance(value, _PLAIN) or type(value) in (list, dict)) and (name not in _OWN or name == "training")
    }


def _copied(value: Any) -> Any:
    """Return a value with its lists and tables copied, their entries as they are."""
    if type(value) is dict:
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if type(value) is list else value


def _restore(modules: Iterable[nn.Module], kept: HostState) -> None:
    for place, part in enumerate(_parts(modules)):
        for name in list(vars(part)):
            if (place, name) in kept:
                vars(part)[name] = kept[place, name]


def _parts(modules: Iterable[nn.Module]) -> list[nn.Module]:
    return [part for module in modules for part in module.modules()]


def _told(error: Exception) -> str:
    """Return the first line of an error, without CUDA's advice."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
