import io

import pytest
from rich.console import Console

from rankbench.cli import console
from rankbench.cli.reporter import Reporter
from rankbench.data.progress import Download, Ended, Note


@pytest.fixture
def screen(monkeypatch) -> Console:
    """A terminal that what is shown can be read from."""
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True)
    monkeypatch.setattr(console, "notes", lambda: terminal)
    return terminal


def test_bars_are_drawn_on_a_terminal_and_taken_away(screen):
    with Reporter() as reporter:

        def drawn() -> str:
            screen.file.seek(0)
            screen.file.truncate()
            reporter._bars.refresh()
            return screen.file.getvalue()

        reporter.show(Note("The terms."))
        reporter.show(Note("The terms."))
        assert screen.file.getvalue().count("The terms.") == 1
        reporter.show(Download("gowalla", 0, 1_000_000))
        reporter.show(Download("gowalla", 400_000, 1_000_000))
        reporter.show(Download("food", 9_000, 9_000))
        both = drawn()
        assert [name in both for name in ("gowalla", "food")] == [True, True]
        assert "0.4/1.0 MB" in both
        assert "9.0/9.0 kB" in both
        reporter.show(Ended("food"))
        reporter.show(Ended("never begun"))
        assert [name in drawn() for name in ("gowalla", "food")] == [True, False]
        reporter.show(Ended("gowalla"))
        reporter.show(Download("unknown", 5_000, None))
        reporter.show(Download("unknown", 6_000, None))
        assert "6.0/? kB" in drawn()
        reporter.show(Download("unknown", 7_000, 8_000))
        assert "7.0/8.0 kB" in drawn()


def test_what_a_resumed_download_has_already_is_no_speed(screen):
    clock = iter(range(1000))
    with Reporter() as reporter:
        reporter._bars.get_time = lambda: float(next(clock))
        reporter.show(Download("large", 9_000_000_000, 10_000_000_000))
        for done in range(1, 20):
            reporter.show(Download("large", 9_000_000_000 + done * 1_000, 10_000_000_000))
        (task,) = reporter._bars.tasks
        assert task.percentage > 89
        assert task.speed < 2_000
