"""Leaderboards as figures: one file draws one figure, for a page and for a paper."""
