"""Data sets: catalogue, download, preparation, splits, and the interactions that everything else reads."""
