"""rankbench: a benchmark of ranking losses for implicit-feedback recommendation."""

__version__ = "0.1.0"
