"""What a training takes of a device's memory, before it is moved there."""

from collections.abc import Iterable

from torch import Tensor

from rankbench.spec import TrainSpec

_OF_PARAMETERS = 6
"""Parameters, their gradients and Adam's two moments; the vectors that scores are made of, and their gradients."""

_OF_SCORES = 12
"""Arrays of scores that are there at once: negatives, scores, gradients, and what a loss makes of them."""

_FIXED = 2**29
"""The driver's and the libraries' own, and what the allocator cannot use."""


def bytes_of(parameters: Iterable[Tensor], n_rows: int, n_kept: int, spec: TrainSpec, scored: int) -> int:
    """Return about how many bytes a training takes.

    Args:
        parameters: those of loss and backbone.
        n_rows: train interactions.
        n_kept: copies of the parameters that are kept, one for each validation set.
        spec: how to train.
        scored: items that a row of a batch is scored with: the negatives, or all.
    """
    of_parameters = sum(p.numel() * p.element_size() for p in parameters)
    of_scores = spec.batch_size * scored * 4
    return (_OF_PARAMETERS + n_kept) * of_parameters + _OF_SCORES * of_scores + 48 * n_rows + _FIXED
