"""Convolutions are exact, whatever a user has said of TF32, and by whichever of torch's names."""

import subprocess
import sys

SCRIPT = """
import warnings

import torch

from eoras.model.precision import exact_convolutions

warnings.simplefilter("error")
backends, cudnn = torch.backends, torch.backends.cudnn


def old_name():
    try:
        return cudnn.allow_tf32
    except RuntimeError:
        return "mixed"


def settings():
    everywhere = cudnn.fp32_precision, backends.fp32_precision, backends.cuda.matmul.fp32_precision
    return cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision, old_name(), *everywhere


def check(setting):
    exec(setting)
    before = settings()
    for _ in range(2):
        with exact_convolutions():
            assert cudnn.conv.fp32_precision == "ieee", (setting, settings())
            if not setting or "allow_tf32" in setting:  # compilers read the old name
                assert old_name() is False, (setting, settings())
            with exact_convolutions():
                assert cudnn.conv.fp32_precision == "ieee", (setting, settings())
            assert cudnn.conv.fp32_precision == "ieee", (setting, settings())
        assert settings() == before, (setting, settings(), before)
    backends.fp32_precision = cudnn.fp32_precision = "none"
    cudnn.allow_tf32 = True


check("")
check("cudnn.allow_tf32 = False")
check("cudnn.allow_tf32 = True")
check("backends.fp32_precision = 'tf32'")
for place in ("backends", "cudnn", "cudnn.conv", "cudnn.rnn"):
    for precision in ("ieee", "tf32"):
        check(f"cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = 'none'; {place}.fp32_precision = '{precision}'")
check("torch.set_float32_matmul_precision('high')")
"""


def test_convolutions_are_exact_and_what_a_user_has_set_comes_back() -> None:
    """In a process of its own, for torch's first setting, its default, cannot be made again."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
