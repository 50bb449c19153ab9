"""What vectors are rounded to before products with them."""

import torch
from torch import Tensor

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What the vectors of negatives are rounded to before their products, which are added up in float32."""


def rounded(vec: Tensor, precision: str) -> Tensor:
    """Return vectors (n, d) rounded to a precision, in the precision that they have."""
    return vec if precision == "fp32" else vec.to(PRECISIONS[precision]).to(vec.dtype)


def stored(item_vec: Tensor, precision: str) -> Tensor:
    """Return item vectors (I, d) as the kernels read them: in the precision of the products if that is a lower one."""
    return item_vec if precision == "fp32" else item_vec.to(PRECISIONS[precision])
