"""Memory that is freed is not given back, so that it need not be fetched again."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from eoras.training.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(2**24)
before = count()
for _ in range(5):
    torch.ones(2**24)  # 64 MB, 16384 pages
print(count() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told so")
def test_memory_that_is_freed_is_used_again_without_a_fault_for_each_page() -> None:
    def faults(how: str) -> int:
        words = [sys.executable, "-c", FAULTS, how]
        return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    assert faults("kept") < 0.1 * faults("given back")
