"""Training: one loop, whole and visible."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from types import FrameType
from typing import Any

from torch.optim import AdamW
from tqdm import tqdm

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.data.open import VideoTracks
from eoras.data.reading import read_batches
from eoras.data.windows import TrainingOrder
from eoras.evaluation.evaluate import evaluate
from eoras.model.eoras import EoRaS
from eoras.training.checkpoint import Place, save_checkpoint
from eoras.training.log import MACHINE, Log, Rehearsal
from eoras.training.pace import Pace
from eoras.training.pictures import draw_predictions
from eoras.training.run import Run
from eoras.training.step import take_step

__all__ = ["CHOSEN_ON_TEST", "Trainer", "build_optimizer"]

CHOSEN_ON_TEST = (
    "the best checkpoint is chosen on the test split, as the official code does; its test score is optimistic"
)


def build_optimizer(network: EoRaS, config: TrainingConfig) -> AdamW:
    """The published optimiser: AdamW on all parameters alike."""
    return AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True)


@dataclass(kw_only=True)
class Trainer:
    """A training under way.

    Attributes:
        run: its folder and configuration.
        network: on the device to train on.
        optimizer: of the network's parameters.
        training: clips to train on.
        validation: whole tracks with their truth, which choose the best checkpoint; None for no choice.
        place: where it stands.
    """

    run: Run
    network: EoRaS
    optimizer: AdamW
    training: VideoTracks
    validation: VideoTracks | None
    place: Place

    def train(self) -> bool:
        """Go on to the last epoch, or until SIGINT or SIGTERM, after which the running step is finished and saved.

        Returns:
            Whether the last epoch is done.

        Raises:
            DataError: a clip cannot be read.
            RunError: the loss or its gradient is not finite, or a file cannot be written.
        """
        config = self.run.config.training
        with _stop_signal() as stop, closing(Log(self.run.folder, self.place.step)) as log:
            while self.place.epoch < config.epochs:
                self._train_epoch(config, log, stop)
                if self.place.clips < self.clips_per_epoch:
                    self._save()
                    return False
                self.place = replace(self.place, epoch=self.place.epoch + 1, clips=0)
                self._validate(log)
                self._save()
        return True

    def rehearse(self, count: int) -> list[dict[str, Any]]:
        """Make the next few steps of the epoch and write nothing; ``train`` must not follow.

        Args:
            count: how many.

        Returns:
            Their lines of the log; fewer where the epoch has no more steps.

        Raises:
            DataError: a clip cannot be read.
            RunError: the loss or its gradient is not finite.
        """
        stop = threading.Event()
        log = Rehearsal(count, stop)
        self._train_epoch(replace(self.run.config.training, save_steps=sys.maxsize), log, stop)
        return log.lines

    @property
    def clips_per_epoch(self) -> int:
        """Clips of all passes of an epoch."""
        return len(self.training) * self.run.config.training.passes_per_epoch

    def _train_epoch(self, config: TrainingConfig, log: Log, stop: threading.Event) -> None:
        """All steps of the epoch that are not yet made, or as many as there is time for."""
        for group in self.optimizer.param_groups:
            rate = config.learning_rate * config.decay**self.place.epoch
            group.update(lr=rate, weight_decay=config.weight_decay)
        self.network.train()
        total, pace = self.clips_per_epoch, Pace(next(self.network.parameters()).device)
        title = f"epoch {self.place.epoch + 1}/{config.epochs}"
        with tqdm(total=total, initial=self.place.clips, desc=title, unit="clip", disable=None) as bar:
            for batches in pace.watch(_in_groups(self._batches(config), config.accumulate)):
                losses = take_step(
                    self.network,
                    self.optimizer,
                    batches,
                    config,
                    f"{self.run.folder}: the loss of step {self.place.step + 1}",
                )
                clips = sum(len(batch.lengths) for batch in batches)
                self.place = replace(self.place, step=self.place.step + 1, clips=self.place.clips + clips)
                measured = pace.lap(clips, config.clip_length)
                log.write(self.place.step, epoch=self.place.epoch, **losses, **{MACHINE: measured})
                bar.update(clips)
                bar.set_postfix(loss=f"{losses['loss']:.4f}")
                if stop.is_set():
                    return
                if self.place.step % config.save_steps == 0 and self.place.clips < total:
                    self._save()

    def _batches(self, config: TrainingConfig) -> Iterator[Batch]:
        """The rest of the epoch's clips, on the network's device."""
        device = next(self.network.parameters()).device
        videos = [track.video for track in self.training.tracks]
        order = TrainingOrder(videos, config.seed, config.shuffle_videos, config.passes_per_epoch)
        order.set_epoch(self.place.epoch, skip=self.place.clips)
        pin_memory = device.type == "cuda"
        for batch in read_batches(self.training, order, config.batch_size, config.workers, pin_memory=pin_memory):
            yield batch.to(device, non_blocking=True)

    def _validate(self, log: Log) -> None:
        """Score the held-out tracks; keep the weights if none before were better."""
        if self.validation is None:
            return
        config = self.run.config.training
        device = next(self.network.parameters()).device
        result = evaluate(
            self.network,
            self.validation,
            device=device,
            dtype=config.dtype,
            baselines=(),
            num_workers=config.workers,
        ).network
        shown = {f"validation/{p}/{name}": result[p][name] for p in result for name in ("miou_full", "miou_occ")}
        if config.validation == "test":
            shown["note"] = CHOSEN_ON_TEST
        log.write(self.place.step, epoch=self.place.epoch, split=self.validation.split, **shown)
        log.draw(
            self.place.step, self.place.epoch, draw_predictions(self.network, self.validation, device, config.dtype)
        )
        score = result["strict"]["miou_full"]
        if score is not None and (self.place.best is None or score > self.place.best):
            self.place = replace(self.place, best=score)
            self.network.save_pretrained(self.run.folder / "best")

    def _save(self) -> None:
        save_checkpoint(self.run.folder, self.network, self.optimizer, self.place, self.run.config.training.keep)


def _in_groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of ``size`` batches; the last may be shorter."""
    batches = iter(batches)
    while group := list(islice(batches, size)):
        yield group


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one has its usual effect."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature is Python's)
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
