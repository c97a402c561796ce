"""Training: one loop, whole and visible."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from types import FrameType
from typing import Any

import torch
from torch.optim import AdamW
from tqdm import tqdm

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.data.open import VideoTracks
from eoras.data.reading import read_batches
from eoras.errors import DataError, MemoryShortError, WorkerError
from eoras.evaluation.evaluate import Stopped, answer, evaluate
from eoras.files import remove_parts
from eoras.model.asking import evaluating
from eoras.model.eoras import EoRaS
from eoras.processes import Processes
from eoras.signals import ending_signals
from eoras.training.averages import Averages
from eoras.training.checkpoint import Place, random_state, remove_old, save_checkpoint
from eoras.training.epochs import augmented, own_batches
from eoras.training.log import MACHINE, Log, Rehearsal, Silence
from eoras.training.memory import enough_for_a_step, enough_for_validation
from eoras.training.pace import Pace
from eoras.training.pictures import draw_predictions
from eoras.training.run import Run
from eoras.training.schedule import learning_rate
from eoras.training.step import take_step
from eoras.training.together import is_synchronised, no_clips

__all__ = ["CHOSEN_ON_TEST", "Trainer", "build_optimizer"]

CHOSEN_ON_TEST = (
    "the best checkpoint is chosen on the test split, as the official code does; its test score is optimistic"
)


def build_optimizer(network: EoRaS, config: TrainingConfig) -> AdamW:
    """The published optimiser, AdamW, ready for any loop.

    Its groups, in the network's order, have their learning rate as ``lr``, and as ``rate`` what that is of
    ``config.learning_rate``, for a loop that changes it over time.

    Args:
        network: its parameters whose rate is 0 get no gradient from now on; others that get none go on without.
        config: ``learning_rate``, ``backbone_rate`` and ``weight_decay``.
    """
    groups = []
    for learned, entries in groupby(network.named_parameters(), lambda entry: _may_have_learned(entry[0])):
        rate = config.backbone_rate if learned else 1.0
        parameters = [value for _, value in entries]
        for parameter in parameters if rate == 0 else ():
            parameter.requires_grad_(False)
        groups.append({"params": parameters, "rate": rate, "lr": config.learning_rate * rate})
    return AdamW(groups, config.learning_rate, weight_decay=config.weight_decay, fused=True)


def _may_have_learned(name: str) -> bool:
    """Whether published weights of backbones have the parameter; they bring no pyramid."""
    return name.startswith("backbone.") and not name.startswith(("backbone.pyramid.", "backbone.norm."))


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
        averages: of the network's weights, if there are to be any; they are what is validated and saved as best.
        processes: all that train together; the first one writes.
    """

    run: Run
    network: EoRaS
    optimizer: AdamW
    training: VideoTracks
    validation: VideoTracks | None
    place: Place
    averages: Averages | None = None
    processes: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        self._saved = self.place

    def train(self) -> bool:
        """Go on to the last epoch, or until SIGINT, SIGTERM or SIGHUP: the running step is then finished and saved.

        A signal to any of the processes stops all of them after the same step. Validation stops before its next track,
        and is made anew when the run goes on.

        Returns:
            Whether the last epoch is done.

        Raises:
            DataError: a clip cannot be read; what one process alone has trained is saved.
            WorkerError: a reading process died; the same.
            MemoryShortError: the device has too little memory for a step or a validation; the same.
            RunError: the loss or its gradient is not finite, a file cannot be written, or another process has ended.
        """
        config = self.run.config.training
        self.place = replace(self.place, processes=self.processes.share.size)
        self._saved = replace(self._saved, processes=self.place.processes)  # which alone is no reason to save again
        with _stop_signal() as stop, closing(self._log()) as log:
            while self.place.epoch < config.epochs and not self._is_told(stop):
                with self._saving_when_it_fails():
                    if self.place.clips < self.clips_per_epoch:
                        self._train_epoch(config, log, stop)
                    if self.place.clips >= self.clips_per_epoch:  # more, where there are fewer tracks than before
                        self._end_epoch(log, stop)
                self._save()
        return self.place.epoch >= config.epochs

    def rehearse(self, count: int) -> list[dict[str, Any]]:
        """Make the next few steps of the epoch and write nothing; ``train`` must not follow.

        Args:
            count: how many.

        Returns:
            Their lines of the log; fewer where the epoch has no more steps.

        Raises:
            DataError: a clip cannot be read.
            MemoryShortError: the device has too little memory for a step.
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

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _log(self) -> Log | Silence:
        """The run's log, and its folder rid of what a killed process has left half written or not yet removed."""
        folder = self.run.folder
        if not self.processes.first:
            return Silence()
        for each in (folder, folder / "best", folder / "checkpoints"):
            remove_parts(each)
        remove_old(folder, self.place, self.run.config.training.keep)
        return Log(folder, self.place.step, self.place.epoch)

    def _is_told(self, stop: threading.Event) -> bool:
        """Whether any of the processes was told to stop."""
        return self.processes.any(stop.is_set())

    def _train_epoch(self, config: TrainingConfig, log: Log | Silence, stop: threading.Event) -> None:
        """All steps of the epoch that are not yet made, or as many as there is time for."""
        steps = config.epochs * -(-self.clips_per_epoch // (config.batch_size * config.accumulate))
        self.network.train()
        if config.backbone_rate == 0:
            self.network.backbone.norm1.eval()  # its statistics, too, stay as they are
        total, pace = self.clips_per_epoch, Pace(self._device)
        title = f"epoch {self.place.epoch + 1}/{config.epochs}"
        hidden = None if self.processes.first else True
        with tqdm(total=total, initial=self.place.clips, desc=title, unit="clip", disable=hidden) as bar:
            for clips, batches in pace.watch(self._steps(config)):
                if self._is_told(stop):  # while they were read
                    return
                rate = learning_rate(config, self.place.epoch, self.place.step, steps)
                for group in self.optimizer.param_groups:
                    group.update(lr=rate * group["rate"], weight_decay=config.weight_decay)
                with enough_for_a_step(config, self._device, self.processes.share.size):
                    losses = take_step(
                        self.network,
                        self.optimizer,
                        batches,
                        config,
                        f"{self.run.folder}: the loss of step {self.place.step + 1}",
                        clips=clips,
                        processes=self.processes,
                    )
                if self.averages is not None:
                    self.averages.update(self.network)
                self.place = replace(self.place, step=self.place.step + 1, clips=self.place.clips + clips)
                measured = pace.lap(clips, config.clip_length)
                log.write(self.place.step, epoch=self.place.epoch, **losses, **{MACHINE: measured})
                bar.update(clips)
                bar.set_postfix(loss=f"{losses['loss']:.4f}")
                if self._is_told(stop):
                    return
                if self.place.step % config.save_steps == 0 and self.place.clips < total:
                    self._save()

    def _steps(self, config: TrainingConfig) -> Iterator[tuple[int, list[Batch]]]:
        """The rest of the epoch: the number of clips of each step, and this process's batches, on its device."""
        device = self._device
        own = own_batches(self.training, config, self.place.epoch, self.place.clips, self.processes.share)
        tracks = augmented(self.training, config)
        batches = read_batches(tracks, own, config.workers, pin_memory=device.type == "cuda")
        for clips, passes, most in own.steps(self.clips_per_epoch - self.place.clips):
            read = list(islice(batches, passes))  # apart: what it lacks is not the device's memory
            with enough_for_a_step(config, device, self.processes.share.size):
                read = [batch.to(device, non_blocking=True) for batch in read]
            idle = most - passes if is_synchronised(self.network) else 0
            yield clips, read + [no_clips(device, config.clip_length)] * idle

    def _end_epoch(self, log: Log | Silence, stop: threading.Event) -> None:
        """Validate and go on to the next epoch, unless there is no time for it."""
        ended = replace(self.place, epoch=self.place.epoch + 1, clips=0)
        if self.validation is not None:
            try:
                with enough_for_validation():
                    best = self._validate(self.validation, log, ended.epoch, stop)
            except Stopped:
                return
            ended = replace(ended, best=best)
        self.place = ended

    def _validate(self, tracks: VideoTracks, log: Log | Silence, epoch: int, stop: threading.Event) -> float | None:
        """Score the held-out tracks; keep the weights if none before were better. Gives the best score so far.

        What was trained is saved first, whatever happens meanwhile, unless the weights answer with NaN.
        """
        config = self.run.config.training
        network = self.network if self.averages is None else self.averages.network
        if len(tracks) > 0:
            with evaluating(network), suppress(MemoryShortError):  # scoring tells, once all is saved
                answer(network, tracks[0], self._device, config.dtype)
        self._save()
        result = evaluate(
            network,
            tracks,
            device=self._device,
            dtype=config.dtype,
            baselines=(),
            num_workers=config.workers,
            processes=self.processes,
            stopping=stop.is_set,
        ).network
        shown = {f"validation/{p}/{name}": result[p][name] for p in result for name in ("miou_full", "miou_occ")}
        note = {"note": CHOSEN_ON_TEST} if config.validation == "test" else {}
        log.write(self.place.step, epoch=epoch, split=tracks.split, **shown, **note)
        if self.processes.first:
            log.draw(self.place.step, epoch, draw_predictions(network, tracks, self._device, config.dtype))
        score, best = result["strict"]["miou_full"], self.place.best
        if score is None or (best is not None and score <= best):
            return best
        if self.processes.first:
            network.save_pretrained(self.run.folder / "best")
        return score

    def _save(self) -> None:
        if self.place == self._saved:
            return
        random = self.processes.gather(random_state(self._device))
        if self.processes.first:
            save_checkpoint(
                self.run.folder,
                self.network,
                self.optimizer,
                self.place,
                self.run.config.training.keep,
                averages=self.averages,
                random=random,
            )
        self._saved = self.place

    @contextmanager
    def _saving_when_it_fails(self) -> Iterator[None]:
        """Save what was trained before an error goes on; one of several processes cannot, for the others still step."""
        try:
            yield
        except (DataError, MemoryShortError, WorkerError) as error:
            if self.processes.several:
                raise
            self._save()
            raise type(error)(
                f"{error}. Every step so far is saved; go on with: eoras train --resume {self.run.folder}"
            ) from error


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets; a second SIGINT or SIGTERM has its usual effect."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ending_signals())}

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature is Python's)
        stop.set()
        if number in (signal.SIGINT, signal.SIGTERM):  # a closed terminal sends SIGHUP, and so does its shell
            signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
