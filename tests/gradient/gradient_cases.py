"""What the tests of the gradient view share: curves of losses as they are typed, fast."""

from __future__ import annotations

import pytest

from rankbench import registry
from rankbench.gradient import curve as curves
from rankbench.gradient import settle
from rankbench.gradient.curve import Curve, curve
from rankbench.losses import Loss


def build(text: str) -> Loss:
    """The loss that one types as `text`, not bound."""
    part = registry.part("loss", text)
    loss = registry.find("loss", part.name)(**dict(part.params))
    assert isinstance(loss, Loss)
    return loss


def curve_of(text: str, negatives: int | None = None) -> Curve:
    return curve(build(text), text, negatives)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few points, and a state that was trained for a few steps only."""
    monkeypatch.setattr(curves, "POINTS", 21)
    monkeypatch.setattr(settle, "EPOCHS", 22)  # SL@K sets its thresholds before the twentieth
    monkeypatch.setattr(settle, "STEPS", 1)
