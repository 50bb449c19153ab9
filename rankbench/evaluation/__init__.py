"""Evaluation: full ranking in blocks, every metric and every K from one pass, values kept per user."""
