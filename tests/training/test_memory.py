"""Too little memory: what was trained is saved, and the message says what needs less."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import AdamW

from eoras.config import TrainingConfig
from eoras.data.windows import OwnBatches, TrainingOrder
from eoras.errors import ConfigError, MemoryShortError, RunError
from eoras.evaluation.evaluate import evaluate
from eoras.model.eoras import EoRaS, Masks
from eoras.model.memory import enough_memory, lighter
from eoras.prediction.predictor import AmodalPredictor
from eoras.processes import Processes
from eoras.shares import Share
from eoras.training.averages import Averages
from eoras.training.loop import Trainer
from eoras.training.memory import clips_at_once, enough_for_a_step
from eoras.training.plan import plan
from eoras.training.start import resume

Start = Callable[..., Trainer]
CPU = torch.device("cpu")
LACK = "CUDA out of memory. Tried to allocate 2 GiB."


def lack_memory(monkeypatch: pytest.MonkeyPatch, lacks: Callable[[EoRaS], bool]) -> None:
    """From now on networks do without memory whenever ``lacks`` says so."""
    forward = EoRaS.forward

    def fail(network: EoRaS, *inputs: Any, **named: Any) -> Masks:
        if lacks(network):
            raise torch.cuda.OutOfMemoryError(f"{LACK}\nSee the documentation")
        return forward(network, *inputs, **named)

    monkeypatch.setattr(EoRaS, "forward", fail)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_clips_at_once_are_those_of_the_fullest_process(batch_size: int, accumulate: int, processes: int) -> None:
    step = batch_size * accumulate
    order = TrainingOrder(["video"] * step, seed=0, window=1)
    dealt = [list(OwnBatches(order, batch_size, accumulate, Share(rank, processes))) for rank in range(processes)]
    most = max(len(batch) for batch in itertools.chain(*dealt))
    config = TrainingConfig(batch_size=batch_size, accumulate=accumulate)
    assert clips_at_once(config, processes) == (most, max(map(len, dealt)))


@pytest.mark.parametrize(
    ("training", "processes", "message"),
    [
        (
            {"batch_size": 16},
            8,
            "training.batch_size=16: a step, of 2 clips at a time, needs more memory than cuda has (lack); set it to 1 "
            "and raise training.accumulate, or take --dtype bfloat16, or --set training.checkpoint_activations=true",
        ),
        (
            {"batch_size": 8, "dtype": "bfloat16"},
            8,
            "training.batch_size=8: a step, of 1 clip at a time, needs more memory than cuda has (lack); --set "
            "training.checkpoint_activations=true",
        ),
        (
            {"batch_size": 1, "accumulate": 4, "dtype": "bfloat16", "checkpoint_activations": True},
            1,
            "training.batch_size=1: a step, of 1 clip at a time, needs more memory than cuda has (lack); lower "
            "training.clip_length",
        ),
    ],
)
def test_what_needs_less_memory_is_advised(training: dict[str, Any], processes: int, message: str) -> None:
    with (
        pytest.raises(MemoryShortError) as caught,
        enough_for_a_step(TrainingConfig(**training), torch.device("cuda"), processes),
    ):
        raise torch.cuda.OutOfMemoryError("lack\nof memory")
    assert str(caught.value) == message


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), RunError("process 1: CUDA error: out of memory")])
def test_other_errors_stay_what_they_are(error: RuntimeError) -> None:
    with pytest.raises(type(error)) as caught, enough_memory("this", "that"):
        raise error
    assert caught.value is error


def test_what_was_trained_before_a_step_found_no_memory_is_saved(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = itertools.count()
    with monkeypatch.context() as patch:
        lack_memory(patch, lambda network: network.training and next(passes) == 2)
        with pytest.raises(MemoryShortError, match="a step, of 2 clips at a time, needs") as caught:
            start(tmp_path, save_steps=100).train()
    assert str(caught.value).endswith(f". Every step so far is saved; go on with: eoras train --resume {tmp_path}")
    trainer = resume(tmp_path, CPU, overrides=["training.batch_size=1", "training.accumulate=4"])
    assert trainer.place.step == 1
    assert trainer.train()


@pytest.mark.parametrize("several", [False, True])
def test_what_was_trained_before_a_validation_found_no_memory_is_saved(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    with monkeypatch.context() as patch:
        lack_memory(patch, lambda network: not network.training)
        patch.setattr(Processes, "several", property(lambda _: several))
        patch.setattr(Processes, "gather", lambda _, value: [value])
        patch.setattr(Processes, "sum", lambda _, values: list(values))
        patch.setattr(Processes, "add_up", lambda *_: None)
        patch.setattr(Processes, "spread", lambda *_: None)
        with pytest.raises(MemoryShortError) as caught:
            start(tmp_path, save_steps=100, validation="test").train()
    assert str(caught.value).startswith(
        f"video 0, track 0: the memory of cpu does not hold the network and 4 frames at once ({LACK}); take --dtype "
        "bfloat16, or --set training.validation=none"
    )
    trainer = resume(tmp_path, CPU, overrides=["training.validation=none"])
    assert (trainer.place.step, trainer.place.epoch) == (2, 0)
    assert trainer.train()


def test_a_plan_says_what_each_process_passes_and_that_validation_lacks_memory(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(tmp_path / "one", batch_size=4, accumulate=1)
    assert plan(trainer)["effective batch"] == "4 clips (4 at a time, 1 times)"
    with monkeypatch.context() as patch:
        for name, value in {"gather": lambda _, own: [own], "sum": lambda _, own: list(own)}.items():
            patch.setattr(Processes, name, value)
        for name in ("add_up", "spread"):
            patch.setattr(Processes, name, lambda *_: None)
        trainer = start(tmp_path / "two", batch_size=4, accumulate=1)
        trainer.processes = Processes(Share(0, 2))
        rows = plan(trainer)
    assert rows["effective batch"] == "4 clips (2 at a time, 1 times, at most, by each of 2 processes)"
    lack_memory(monkeypatch, lambda network: not network.training)
    with pytest.raises(ConfigError) as caught:
        plan(start(tmp_path / "validated", validation="test"))
    assert str(caught.value) == (
        f"video 0, track 0: the memory of cpu does not hold the network and 4 frames at once ({LACK}); take --dtype "
        "bfloat16, or --set training.validation=none"
    )


def test_memory_that_reading_lacks_is_not_told_as_that_of_the_device(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> Iterator[object]:
        raise MemoryError("Unable to allocate 2 GiB for an array")
        yield

    monkeypatch.setattr("eoras.training.loop.read_batches", read)
    with pytest.raises(MemoryError, match="for an array"):
        start(tmp_path).train()


def test_the_advice_is_what_can_still_be_done() -> None:
    assert lighter("cuda:1", "float32") == "take --dtype bfloat16, or --device cpu"
    assert lighter("cuda", "bfloat16") == "--device cpu"
    assert lighter("cpu", "float32") == "take --dtype bfloat16"
    assert lighter("cpu", "bfloat16") == "end what else needs it"


def test_a_device_that_does_not_hold_the_network_is_told(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(tmp_path / "run", validation="test")
    tracks = trainer.validation
    assert tracks is not None

    def fail(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(EoRaS, "to", fail)
    for ask in (
        lambda: start(tmp_path / "new"),
        lambda: resume(tmp_path / "run", CPU),
        lambda: evaluate(trainer.network, tracks, device=CPU),
        lambda: AmodalPredictor(trainer.network, device=CPU),
    ):
        with pytest.raises(MemoryShortError) as caught:
            ask()
        assert str(caught.value) == (
            "cpu: its memory does not hold the network (CUDA error: out of memory); end what else runs there"
        )


@pytest.mark.parametrize(
    ("owner", "lacking", "what"),
    [
        (AdamW, "load_state_dict", "the state of the training"),
        (Averages, "load_state_dict", "the state of the training"),
        (Averages, "__init__", "the averages of the weights"),
    ],
)
def test_a_checkpoint_that_a_device_does_not_hold_is_not_called_damaged(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, lacking: str, what: str
) -> None:
    assert start(tmp_path, epochs=1, average=0.9).train()

    def fail(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError(f"{LACK}\nSee the documentation")

    with monkeypatch.context() as patch:
        patch.setattr(owner, lacking, fail)
        with pytest.raises(MemoryShortError) as caught:
            resume(tmp_path, CPU)
    assert str(caught.value) == f"cpu: its memory does not hold {what} ({LACK}); end what else runs there"
    assert resume(tmp_path, CPU).place.epoch == 1
