"""What all tests share: real data where there are some."""

from pathlib import Path

import pytest

from rankbench.parallel import set_threads

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data, which is not there")
    return SHARED


@pytest.fixture(autouse=True)
def two_threads() -> None:
    set_threads(2)
