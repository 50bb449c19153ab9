"""The contract of a loss: what can be checked of any loss without knowing what it should compute.

`examine` (in `rankbench.contract.examine`) makes the checks one by one and yields a verdict for each. Three kinds of
findings are told apart, since no tool knows what a loss is meant to do:

- a loss that breaks the training, the metrics or the promise of equal results has *failed*: a wrong shape, NaN, the
  wrong sign, a state that is lost;
- a loss that is unusual in a way that its docstring states, such as that its examples share a batch, is *noted*; one
  that is so without a word has failed;
- a loss that may be right or wrong, such as one that detaches a part, is *noted*.

Tests of the built-in losses compare with naive loops besides; these checks need no reference.
"""
