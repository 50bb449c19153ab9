"""What `rankbench new-loss` and `rankbench new-backbone` write: working files with a `NewLoss` or `NewBackbone`."""
