"""What all tests share: real data where there are some, and a device for the kernels in Triton."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from rankbench.parallel import set_threads

SHARED = Path(__file__).parents[1].parent / "shared" / "data"

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported: its kernels then run on the CPU, in Python


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def triton_device() -> torch.device:
    """Where kernels in Triton are tested: on the GPU if there is one, else on the CPU through Triton's interpreter."""
    if find_spec("triton") is None:
        pytest.skip("needs triton, which this platform's tests do not install")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def report(monkeypatch, capsys):
    """Run `rankbench report` in this process; return exit code, stdout and stderr."""
    from rankbench.cli.app import main

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rankbench", "report", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


@pytest.fixture(autouse=True)
def two_threads() -> None:
    set_threads(2)
