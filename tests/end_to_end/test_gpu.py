"""What a GPU must do as the CPU does: masks, gradients, trainings, scores and answers to a person's own video."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import yaml
from flat_scenes.scenes import write_flat_dataset
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from eoras.clip import Batch
from eoras.config import Config, ModelConfig, TrainingConfig, ViewConfig
from eoras.config_files import describe
from eoras.model.eoras import EoRaS
from eoras.model.precision import exact_convolutions
from eoras.prediction.predictor import AmodalPredictor
from eoras.processes import Processes
from eoras.shares import Share
from eoras.training.loop import build_optimizer
from eoras.training.prepare import prepare
from eoras.training.step import take_step
from eoras.training.together import no_clips, synchronise

pytestmark = pytest.mark.gpu

FAITHFUL = ModelConfig(
    backbone_width=16,
    backbone_depths=(1, 1, 1, 1),
    pyramid_channels=16,
    bev_channels=(16,),
    width=32,
    feedforward=32,
    num_slots=4,
    num_heads=2,
    dropout=0.0,
)
BEYOND = replace(
    FAITHFUL,
    backbone="lite0",
    normalise=True,
    bev=False,
    decoder="skip",
    temporal="clip",
    confidence=True,
    visible_input=True,
    visible_skip=True,
    mask_heads=("amodal",),
    view=ViewConfig(boxes="round", windows="track", frames="all", intrinsics="crop"),
)
CROP = replace(BEYOND, bev=True, backbone="resnet", mask_heads=("amodal", "visible"))
NETWORKS = {"faithful": FAITHFUL, "beyond": BEYOND, "bird's-eye of crops": CROP}
SEEN = replace(BEYOND, backbone="resnet")
CAMERA = [[100.0, 0.0, 64.0], [0.0, 100.0, 48.0], [0.0, 0.0, 1.0]]
TRAINING = TrainingConfig(learning_rate=1e-3, dice_weight=1.0, hidden_emphasis=1.0)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flat")
    write_flat_dataset(folder, train_videos=4, test_videos=2, seed=0, size=(96, 128), frames=6)
    return folder


def batch_of(size: int = 2, length: int = 3) -> Batch:
    """Clips that differ in everything."""
    random = torch.Generator().manual_seed(0)
    masks = torch.rand(3, size, length, 121, 121, generator=random) > 0.4
    frames = torch.rand(size, length, 3, 128, 128, generator=random)
    lens = 1 + 0.2 * torch.rand(size, length, 1, 1, generator=random)
    intrinsics = torch.tensor([[1.0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]) * torch.cat((lens, lens, lens / lens), -1)
    return Batch(
        frames=frames,
        intrinsics=intrinsics,
        amodal=masks[0] | masks[1],
        visible=masks[1],
        given=masks[1],
        lengths=torch.full((size,), length),
        times=torch.arange(length).expand(size, -1),
        available=torch.ones(size, length, dtype=torch.bool),
    )


def losses_of_steps(
    network: EoRaS, batch: Batch, config: TrainingConfig, processes: Processes | None = None
) -> list[float]:
    """The losses of three steps."""
    processes = processes or Processes()
    prepare(network, config)
    optimizer, clips = build_optimizer(network, config), int(processes.sum([len(batch.lengths)])[0])
    return [
        take_step(network.train(), optimizer, [batch], config, "here", clips=clips, processes=processes)["loss"]
        for _ in range(3)
    ]


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_masks_and_gradients_are_those_of_the_cpu(model: ModelConfig) -> None:
    torch.manual_seed(0)
    network, batch = EoRaS(model).train(), batch_of()
    other = copy.deepcopy(network).cuda()
    found = []
    for each, clips in ((network, batch), (other, batch.to("cuda"))):
        given = clips.given if model.visible_input else None
        with exact_convolutions():
            masks = each(clips.frames, clips.intrinsics, visible=given, times=clips.times)
            sum(logits.square().mean() for logits in masks if logits is not None).backward()  # type: ignore[union-attr]  # a sum of tensors is one
        gradients = {name: value.grad.cpu() for name, value in each.named_parameters() if value.grad is not None}
        found.append((masks.amodal.detach().cpu(), gradients))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-3, atol=1e-3)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        assert (found[1][1][name] - gradient).norm() <= 0.01 * gradient.norm() + 1e-5, name


@pytest.mark.parametrize(
    "way",
    [
        {"dtype": "bfloat16"},
        {"checkpoint_activations": True},
        pytest.param(
            {"compile": True},
            marks=pytest.mark.filterwarnings("ignore"),  # torch's compiler warns of what it does itself
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_steps_of_each_kind_are_like_plain_ones(model: ModelConfig, way: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network, batch = EoRaS(model).cuda(), batch_of().to("cuda")
    plain = losses_of_steps(copy.deepcopy(network), batch, TRAINING)
    assert losses_of_steps(network, batch, replace(TRAINING, **way)) == pytest.approx(plain, rel=0.02)


def settings_of(folder: Path, model: ModelConfig, **training: Any) -> Path:
    values = {"epochs": 2, "clip_length": 4, "batch_size": 2, "workers": 1, "save_steps": 2, "validation": "test"}
    path = folder / "settings.yaml"
    config = Config(model=model, training=TrainingConfig(**{**values, "average": 0.9, **training}))
    path.write_text(yaml.safe_dump(describe(config)))
    return path


def eoras(*words: object) -> str:
    command = [sys.executable, "-m", "eoras", *map(str, words)]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_is_trained_resumed_and_scored(flat: Path, tmp_path: Path, model: ModelConfig, dtype: str) -> None:
    settings, run = settings_of(tmp_path, model, dtype=dtype), tmp_path / "run"
    eoras("train", "--config", settings, "--data", flat, "--out", run, "--device", "cuda")
    eoras("train", "--resume", run, "--set", "training.epochs=3", "--device", "cuda")
    scores = [
        json.loads(eoras("evaluate", run, "--data", flat, "--device", device, "--json")) for device in ("cuda", "cpu")
    ]
    for name in ("miou_full", "miou_occ"):
        assert scores[0]["strict"][name] == pytest.approx(scores[1]["strict"][name], abs=0.1)


class Talking(Processes):
    """Asks torch where there is one process, too."""

    @property
    def several(self) -> bool:
        return True


def steps_of_one_of_several(
    rank: int, size: int, backend: str, model: ModelConfig, training: TrainingConfig, folder: Path
) -> None:
    """One process of a training on the one GPU: of all, the first alone has a clip. It writes losses and statistics."""
    meet = f"file://{folder / 'store'}"
    dist.init_process_group(backend, init_method=meet, rank=rank, world_size=size)
    torch.manual_seed(0)
    device, processes = torch.device("cuda", 0), Talking(Share(rank, size))
    network = synchronise(EoRaS(model), device, processes)
    batch = batch_of(1).to("cuda") if rank == 0 else no_clips(device, 3)
    found = losses_of_steps(network, batch, training, processes), statistics_of(network)
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def statistics_of(network: EoRaS) -> list[Tensor]:
    """Running statistics and counts of all batch normalisations."""
    return [value.cpu() for name, value in network.named_buffers() if "running" in name or "tracked" in name]


@pytest.mark.parametrize("model", [FAITHFUL, SEEN], ids=["faithful", "attends to clips"])
@pytest.mark.parametrize("normalise_frames", ["together", "apart"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("size", "backend"),
    [(1, "cpu:gloo,cuda:nccl"), (2, "gloo")],  # nccl refuses two processes on one GPU
)
def test_processes_train_as_one_does_also_where_one_has_no_clip(
    tmp_path: Path, size: int, backend: str, dtype: Any, normalise_frames: Any, model: ModelConfig
) -> None:
    training = replace(TRAINING, dtype=dtype, normalise_frames=normalise_frames)
    torch.manual_seed(0)
    alone = EoRaS(model).cuda()
    losses = losses_of_steps(alone, batch_of(1).to("cuda"), training)
    spawn(steps_of_one_of_several, (size, backend, model, training, tmp_path), nprocs=size)
    for rank in range(size):
        found, statistics = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == pytest.approx(losses, rel=0.02)
        torch.testing.assert_close(statistics, statistics_of(alone), rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_a_persons_own_video_is_answered_alike(tmp_path: Path, model: ModelConfig) -> None:
    torch.manual_seed(0)
    EoRaS(model).save_pretrained(tmp_path / "model")
    random = torch.Generator().manual_seed(1)
    frames = (torch.rand(7, 96, 128, 3, generator=random) * 255).to(torch.uint8).numpy()
    seen = np.zeros((7, 96, 128), bool)
    seen[:, 20:60, 30:80] = True
    cpu, gpu = (
        AmodalPredictor.from_pretrained(tmp_path / "model", device=device).predict(frames, seen, intrinsics=CAMERA)
        for device in ("cpu", "cuda")
    )
    assert len(cpu) == len(gpu) == 7
    for first, second in zip(cpu, gpu, strict=True):
        assert (first.amodal[1] != second.amodal[1]).mean() < 1e-3
