"""Training: one loop, whole and visible."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from types import FrameType

from torch.optim import AdamW
from tqdm import tqdm

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.data.open import VideoTracks
from eoras.data.reading import read_batches
from eoras.data.windows import TrainingOrder
from eoras.errors import DataError, WorkerError
from eoras.evaluation.evaluate import Stopped, evaluate
from eoras.files import remove_parts
from eoras.model.eoras import EoRaS
from eoras.training.checkpoint import Place, TrainingState, save_checkpoint
from eoras.training.log import Log
from eoras.training.run import Run
from eoras.training.step import take_step

__all__ = ["Trainer", "build_optimizer"]


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

    def __post_init__(self) -> None:
        self._saved = self.place

    def train(self) -> bool:
        """Go on to the last epoch, or until SIGINT or SIGTERM, after which the running step is finished and saved.

        Validation stops before its next track, and is made anew when the run goes on.

        Returns:
            Whether the last epoch is done.

        Raises:
            DataError: a clip cannot be read; what was trained is saved.
            WorkerError: a reading process died; what was trained is saved.
            RunError: the loss or its gradient is not finite, or a file cannot be written.
        """
        config = self.run.config.training
        for folder in (self.run.folder, self.run.folder / "best", self.run.folder / "checkpoints"):
            remove_parts(folder)
        with _stop_signal() as stop, closing(Log(self.run.folder, self.place.step, self.place.epoch)) as log:
            while self.place.epoch < config.epochs and not stop.is_set():
                with self._saving_when_data_fail():
                    if self.place.clips < self._clips_per_epoch:
                        self._train_epoch(config, log, stop)
                    if self.place.clips == self._clips_per_epoch:
                        self._end_epoch(log, stop)
                self._save()
        return self.place.epoch >= config.epochs

    @property
    def _clips_per_epoch(self) -> int:
        return len(self.training) * self.run.config.training.passes_per_epoch

    def _train_epoch(self, config: TrainingConfig, log: Log, stop: threading.Event) -> None:
        """All steps of the epoch that are not yet made, or as many as there is time for."""
        for group in self.optimizer.param_groups:
            rate = config.learning_rate * config.decay**self.place.epoch
            group.update(lr=rate, weight_decay=config.weight_decay)
        self.network.train()
        total, began = self._clips_per_epoch, time.perf_counter()
        title = f"epoch {self.place.epoch + 1}/{config.epochs}"
        with tqdm(total=total, initial=self.place.clips, desc=title, unit="clip", disable=None) as bar:
            for batches in _in_groups(self._batches(config), config.accumulate):
                if stop.is_set():  # while they were read
                    return
                losses = take_step(
                    self.network,
                    self.optimizer,
                    batches,
                    config,
                    f"{self.run.folder}: the loss of step {self.place.step + 1}",
                )
                clips = sum(len(batch.lengths) for batch in batches)
                self.place = replace(self.place, step=self.place.step + 1, clips=self.place.clips + clips)
                ended = time.perf_counter()
                log.write(self.place.step, epoch=self.place.epoch, **losses, clips_per_second=clips / (ended - began))
                began = ended
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

    def _end_epoch(self, log: Log, stop: threading.Event) -> None:
        """Validate and go on to the next epoch, unless there is no time for it."""
        ended = replace(self.place, epoch=self.place.epoch + 1, clips=0)
        if self.validation is not None:
            try:
                best = self._validate(self.validation, log, ended.epoch, stop)
            except Stopped:
                return
            ended = replace(ended, best=best)
        self.place = ended

    def _validate(self, tracks: VideoTracks, log: Log, epoch: int, stop: threading.Event) -> float | None:
        """Score the held-out tracks; keep the weights if none before were better. Gives the best score so far."""
        config = self.run.config.training
        device = next(self.network.parameters()).device
        result = evaluate(
            self.network,
            tracks,
            device=device,
            dtype=config.dtype,
            baselines=(),
            num_workers=config.workers,
            stopping=stop.is_set,
        ).network
        shown = {f"validation/{p}/{name}": result[p][name] for p in result for name in ("miou_full", "miou_occ")}
        log.write(self.place.step, epoch=epoch, split=tracks.split, **shown)
        score, best = result["strict"]["miou_full"], self.place.best
        if score is None or (best is not None and score <= best):
            return best
        self.network.save_pretrained(self.run.folder / "best")
        return score

    def _save(self) -> None:
        if self.place != self._saved:
            state = TrainingState.of(self.optimizer, self.place)
            save_checkpoint(self.run.folder, self.network, state, self.run.config.training.keep)
            self._saved = self.place

    @contextmanager
    def _saving_when_data_fail(self) -> Iterator[None]:
        try:
            yield
        except (DataError, WorkerError) as error:
            self._save()
            raise type(error)(
                f"{error}. Every step so far is saved; go on with: eoras train --resume {self.run.folder}"
            ) from error


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
