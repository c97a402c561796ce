"""Compiling where nothing can be kept."""

import subprocess
import sys


def test_a_machine_without_a_writable_folder_compiles_all_the_same() -> None:
    program = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from eoras.synthesis.shading.vectors import dot\n"
        "print(dot((1.0, 2.0, 3.0), (1.0, 1.0, 1.0)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "6.0\n"
    assert not result.stderr
