"""The files that `rankbench new-loss` writes, one for each kind of loss: working losses whose class is `NewLoss`."""
