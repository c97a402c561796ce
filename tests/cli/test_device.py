"""Which device ``--device`` means, on machines of any number of GPUs and in any number of processes."""

import pytest
import torch

from eoras.cli.options import choose_device
from eoras.errors import ConfigError

ALONE: dict[str, str] = {}
TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
SRUN = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "3", "SLURM_LOCALID": "2"}
VARIABLES = {*TORCHRUN, *SRUN}


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int, launcher: dict[str, str]) -> list[int]:
    """A machine with so many GPUs that this process sees, and how it was started; what becomes the current GPU."""
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in launcher.items():
        monkeypatch.setenv(name, value)
    return current


@pytest.mark.parametrize(
    ("name", "gpus", "launcher", "device"),
    [
        ("auto", 0, ALONE, "cpu"),
        ("auto", 2, ALONE, "cuda"),
        ("cuda", 2, ALONE, "cuda"),
        ("cuda:1", 2, ALONE, "cuda:1"),
        ("cpu", 2, ALONE, "cpu"),
        ("auto", 0, TORCHRUN, "cpu"),
        ("auto", 4, TORCHRUN, "cuda:1"),
        ("cuda", 4, TORCHRUN, "cuda:1"),
        ("cpu", 4, TORCHRUN, "cpu"),
        ("cuda", 1, TORCHRUN, "cuda:0"),  # each process is shown a GPU of its own
        ("cuda", 3, SRUN, "cuda:2"),
        ("auto", 1, SRUN, "cuda:0"),
    ],
)
def test_a_process_has_the_gpu_of_its_own_number_or_the_only_one_it_sees(
    name: str, gpus: int, launcher: dict[str, str], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = machine(monkeypatch, gpus, launcher)
    assert choose_device(name) == torch.device(device)
    assert current == ([] if device == "cpu" else [torch.device(device).index or 0])


@pytest.mark.parametrize(
    ("name", "gpus", "launcher", "message"),
    [
        ("cuda", 0, ALONE, "--device cuda: expected one of 0 CUDA devices; see 'eoras doctor', or use cpu"),
        ("cuda:2", 2, ALONE, "--device cuda:2: expected one of 2 CUDA devices; see 'eoras doctor', or use cpu"),
        ("cuda", 2, SRUN, "--device cuda:2: expected one of 2 CUDA devices; see 'eoras doctor', or use cpu"),
        (
            "cuda:0",
            4,
            TORCHRUN,
            "--device cuda:0: each of several processes has a GPU of its own; use --device cuda",
        ),
    ],
)
def test_a_gpu_that_is_not_there_or_is_for_all_processes_is_refused(
    name: str, gpus: int, launcher: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = machine(monkeypatch, gpus, launcher)
    with pytest.raises(ConfigError) as caught:
        choose_device(name)
    assert not current
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:1"])
def test_a_gpu_that_has_no_room_for_another_process_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2, ALONE)

    def fail(_: int) -> None:
        raise torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(torch.cuda, "set_device", fail)
    with pytest.raises(ConfigError) as caught:
        choose_device(name)
    assert str(caught.value) == (
        f"--device {'cuda' if name == 'auto' else name}: cannot be used (CUDA error: out of memory); end what else "
        "runs there, see 'eoras doctor', or use cpu"
    )
