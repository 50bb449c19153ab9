"""Kernels in Triton compile for GPUs that need not be there: what the interpreter cannot tell."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import rankbench


@pytest.mark.skipif(find_spec("triton") is None, reason="needs triton, which this platform's tests do not install")
def test_every_kernel_compiles(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(rankbench.__file__).parents[1])}
    program = Path(__file__).with_name("compile_kernels.py")
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sources = "".join(path.read_text("utf-8") for path in Path(rankbench.__file__).parent.rglob("*.py"))
    kernels = set(re.findall(r"@triton\.jit\ndef (\w+)", sources))
    assert set(done.stdout.split()) == {name for name in kernels if f"{name}[" in sources}  # launched, not called
