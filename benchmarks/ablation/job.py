"""Train one row with one seed and score it, in a process of its own."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.ablation.data import videos_to_test
from benchmarks.ablation.results import digest_of, model_of, path_of
from benchmarks.ablation.rows import ROWS, Row, config_of
from benchmarks.ablation.table import OF_OCCLUDED, SHOWN
from eoras.clip import Clip
from eoras.config_files import describe, load_config
from eoras.data.augment import damage
from eoras.data.open import VideoTracks, open_tracks
from eoras.evaluation.baselines import BASELINES
from eoras.evaluation.breakdown import breakdown
from eoras.evaluation.counts import FrameTable
from eoras.evaluation.evaluate import evaluate
from eoras.evaluation.ious import Terms
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.protocols import TERMS, strict_rows, strict_terms
from eoras.evaluation.significance import sums_by_video
from eoras.files import write_beside
from eoras.model.eoras import EoRaS, Masks
from eoras.training.allocator import keep_freed_memory
from eoras.training.log import MACHINE
from eoras.training.start import begin, resume

__all__ = ["FrameByFrame", "GivenMask", "main"]


class _Damaged:
    """Tracks whose given visible masks are as wrong as a tracker's, always in the same way."""

    def __init__(self, tracks: VideoTracks) -> None:
        self._tracks = tracks

    def __len__(self) -> int:
        return len(self._tracks)

    def __getitem__(self, index: int) -> Clip:
        return damage(self._tracks[index], np.random.default_rng(index))


class FrameByFrame(EoRaS):
    """A network that is shown each frame of a clip alone."""

    def forward(
        self,
        frames: Tensor,
        intrinsics: Tensor,
        lengths: Tensor | None = None,
        visible: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Masks:
        """Answer as ``EoRaS`` does; of one clip."""
        assert lengths is None
        alone = (None if values is None else values.transpose(0, 1) for values in (visible, times))
        masks = super().forward(frames.transpose(0, 1), intrinsics.transpose(0, 1), None, *alone)
        return Masks(**{name: values.transpose(0, 1) for name, values in masks._asdict().items() if values is not None})


class GivenMask(EoRaS):
    """What answers with the visible mask that it is given."""

    def forward(
        self,
        frames: Tensor,
        intrinsics: Tensor,
        lengths: Tensor | None = None,
        visible: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Masks:
        """Answer as ``EoRaS`` does."""
        del intrinsics, lengths, times
        assert visible is not None
        return Masks(torch.where(visible, torch.inf, -torch.inf).to(frames))


_NETWORKS = {"alone": FrameByFrame, "damaged mask": GivenMask}


def main(name: str, seed: int, data: Path, runs: Path, results: Path, device: str, backbone_weights: str) -> None:
    """Write the result of a row, after training its network, or going on with that, if it has one of its own."""
    keep_freed_memory()
    row, where, model = ROWS[name], torch.device(device), model_of(runs, name, seed)
    result: dict[str, Any] = {"row": name, "seed": seed, "device": _name(where)}
    result |= {"config": describe(config_of(name, seed))}
    if row.weights is None:
        result |= _train(name, seed, data, model, where, backbone_weights)
    elif not model.is_dir():
        sys.exit(f"{model}: has no network; train that first")
    network = _NETWORKS.get(row.answers, EoRaS).from_pretrained(model)
    videos = videos_to_test(data, fresh=row.fresh)
    tracks = open_tracks(data, "test", network.config.view, truth=True, videos=videos)
    result |= {"weights": digest_of(model), "tracks": len(tracks), **_score(network, tracks, row, where)}
    result["date"] = datetime.now(UTC).date().isoformat()
    with write_beside(path_of(results, name, seed)) as path:
        path.write_text(json.dumps(result) + "\n", encoding="utf-8")


def _train(
    name: str, seed: int, data: Path, model: Path, device: torch.device, backbone_weights: str
) -> dict[str, Any]:
    """Train a row's network, leave its weights in the folder ``model``, and say what that cost."""
    run, config = model.parent / "run", config_of(name, seed)
    if (run / "config.yaml").is_file():
        if load_config(str(run / "config.yaml")) != config:
            sys.exit(f"{run}: was trained with another configuration; remove {model.parent}")
        trainer = resume(run, device)
    else:
        weights = backbone_weights if config.model.backbone == "lite0" else None
        trainer = begin(run, config, data, device, backbone_weights=weights)
    if not trainer.train():
        sys.exit(130)
    network = trainer.network if trainer.averages is None else trainer.averages.network
    network.save_pretrained(model)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        "parameters": sum(value.numel() for value in network.parameters()),
        "steps": trainer.place.step,
        "step_seconds": round(median(line[MACHINE]["seconds"] for line in lines), 3),
    }


def _score(network: EoRaS, tracks: VideoTracks, row: Row, device: torch.device) -> dict[str, Any]:
    """The row's sums and confidence, and beside the first row of these videos the sums of the baselines."""
    found = evaluate(
        network,
        _Damaged(tracks) if row.answers in ("damaged", "damaged mask") else tracks,
        device=device,
        baselines=tuple(BASELINES) if row.after is None else (),
        flip=row.answers == "flip",
        union=row.answers == "union",
    )
    return {
        "systems": {system: _sums(scores) for system, scores in found.counted.items()},
        "confidence": breakdown(_seen(found.counted["network"].table("strict")))["confidence"],
    }


def _sums(scores: PastedScores) -> dict[str, Any]:
    """Sum and number of the terms of each video, by protocol and mean."""
    videos = sorted({video for video, _ in scores.tracks("strict")})
    sums: dict[str, Any] = {"videos": videos}
    for protocol in ("strict", "paper"):
        table = _seen(scores.table(protocol))
        means: Mapping[str, Terms] = TERMS[protocol](table)
        if protocol == "strict":
            hidden = strict_rows(table).counts["occluded"] > 0
            means = {**means, "miou_full_of_occluded": strict_terms(table)["miou_full"].where(hidden)}
        named = {f"{protocol} {mean}": terms for mean, terms in means.items()}
        for mean in named.keys() & {*SHOWN, OF_OCCLUDED}:
            sums[mean] = sums_by_video(named[mean], len(videos)).round(6).tolist()
    return sums


def _seen(table: FrameTable) -> FrameTable:
    """The frames in which something of the object is seen: those that every network is asked about."""
    return table.where(table.counts["visible"] > 0)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    row, seed, data, runs, results, device, weights = sys.argv[1:]
    main(row, int(seed), Path(data), Path(runs), Path(results), device, weights)
