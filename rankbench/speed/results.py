"""What is reported: measurements and ratios of them, as flat rows that a table or JSON is made of.

A measurement has the fields

- `part`: limits, step, stages, memory, evaluate, sampling, graph, scaling, jobs or data;
- `size`: S, M or L; empty for the machine; in `data` 25M or 1M;
- `subject`: what was measured: a loss, "accuracy", "evaluation", "negatives", "propagation", ...;
- `stage`: the stage of a step, empty for the whole;
- `by`: who did it: "engine", "one thread" (the engine with one), a baseline (see each part), another loss that had its
  turns in between, in `scaling` what was doubled, "base" if nothing was, or in `jobs` how many there were;
- `threads`: how many threads it had;
- `median`, `best`, `worst`, `rounds`: over the rounds; for times the best is the shortest, for rates the highest;
- `unit`: ms, s, MB, M/s, steps/s, GFLOP/s or GB/s;
- `note`: what to know of it, such as that it was extrapolated.

A ratio has `part`, `size`, `subject`, `stage`, `of`, `to` and `value`: the median of `of` divided by that of `to`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rankbench.speed.clock import Timing


@dataclass(frozen=True)
class Measurement:
    """One measured number; the fields are described above."""

    part: str
    size: str
    subject: str
    stage: str
    by: str
    threads: int
    median: float
    best: float
    worst: float
    rounds: int
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Ratio:
    """How many times one measurement is another; the fields are described above."""

    part: str
    size: str
    subject: str
    stage: str
    of: str
    to: str
    value: float


@dataclass
class Results:
    """Measurements and ratios in the order in which they were made."""

    measurements: list[Measurement] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def add(self, *found: Measurement) -> None:
        """Add measurements."""
        self.measurements += found

    def find(self, part: str, size: str, subject: str, by: str, stage: str = "") -> Measurement | None:
        """Return a measurement, None if it was not made."""
        wanted = (part, size, subject, by, stage)
        return next((m for m in self.measurements if (m.part, m.size, m.subject, m.by, m.stage) == wanted), None)

    def relate(self, part: str, size: str, subject: str, of: str, to: str, stage: str = "") -> None:
        """Add the ratio of two measurements of one subject, if both were made."""
        above, below = (self.find(part, size, subject, by, stage) for by in (of, to))
        if above and below and below.median:
            self.ratios.append(Ratio(part, size, subject, stage, of, to, above.median / below.median))

    def ratio(self, part: str, size: str, subject: str, of: str, to: str, stage: str = "") -> float | None:
        """Return the value of a ratio, None if there is none."""
        wanted = (part, size, subject, of, to, stage)
        return next(
            (r.value for r in self.ratios if (r.part, r.size, r.subject, r.of, r.to, r.stage) == wanted),
            None,
        )

    def extend(self, other: Results) -> None:
        """Add everything of another."""
        self.measurements += other.measurements
        self.ratios += other.ratios

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return both as plain data."""
        return {"measurements": [asdict(m) for m in self.measurements], "ratios": [asdict(r) for r in self.ratios]}


def in_ms(
    part: str, size: str, subject: str, by: str, threads: int, timing: Timing, stage: str = "", note: str = ""
) -> Measurement:
    """Return a time as a measurement in milliseconds."""
    ms = (timing.median * 1e3, timing.fastest * 1e3, timing.slowest * 1e3)
    return Measurement(part, size, subject, stage, by, threads, *ms, timing.rounds, "ms", note)


def as_rate(
    part: str, size: str, subject: str, by: str, threads: int, timing: Timing, amount: float, unit: str, note: str = ""
) -> Measurement:
    """Return a time in which `amount` of a unit was done as a measurement in `unit`."""
    rates = (amount / timing.median, amount / timing.fastest, amount / timing.slowest)
    return Measurement(part, size, subject, "", by, threads, *rates, timing.rounds, unit, note)


def all_in_ms(
    part: str, size: str, subject: str, timings: Mapping[str, Timing], threads: int, stage: str = ""
) -> list[Measurement]:
    """Return the times of works by name as measurements; "one thread" had one, the others `threads`."""
    return [
        in_ms(part, size, subject, by, 1 if by == "one thread" else threads, timing, stage)
        for by, timing in timings.items()
    ]
