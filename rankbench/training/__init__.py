"""Training: the one loop, its optimiser, early stopping and checkpoints."""
