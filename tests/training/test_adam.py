"""Adam in blocks on several threads: the bits of torch's own."""

import pytest
import torch

from rankbench.parallel import set_threads
from rankbench.training.adam import Adam

SHAPES = [(7,), (3, 5), ()]
LARGE = (9000, 64)
"""More numbers than one thread updates at once."""


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shapes", [[LARGE, *SHAPES], SHAPES])
def test_steps_have_the_bits_of_torchs_adam(threads, shapes):
    set_threads(threads)
    generator = torch.Generator().manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    ours.append(torch.nn.Parameter(torch.randn(5, 3, generator=generator).t()))  # not contiguous
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    mine = Adam(ours, lr=0.01, weight_decay=0.1)
    reference = torch.optim.Adam(theirs, lr=0.01, weight_decay=0.1, fused=True)
    for i in range(4):
        for a, b in zip(ours, theirs, strict=True):
            grad = torch.randn(a.shape, generator=generator)
            a.grad, b.grad = (grad, grad.clone()) if i or a.dim() != 1 else (None, None)  # one begins a step later
        mine.step()
        reference.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    reference.load_state_dict(mine.state_dict())  # a checkpoint of one is one of the other
    mine.load_state_dict(reference.state_dict())
