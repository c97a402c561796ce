"""Scores of one system, frame by frame: add clips, merge parts, compute any protocol at the end."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eoras.errors import DataError
from eoras.evaluation.counting import Counter, Part, margin, part_around
from eoras.evaluation.counts import COUNTS, FrameTable, Masks
from eoras.evaluation.protocols import PROTOCOLS, check_protocol
from eoras.evaluation.significance import compare

__all__ = ["Scores"]


class Scores:
    """A table of pixel counts, a few numbers a frame; no mask is kept.

    Parts may be added and merged in any order and on any process: every protocol's answer is the same to the last bit.

    Args:
        outlines: whether to compare outlines, too (formats 7.10); they take more time than all protocols together.
    """

    def __init__(self, *, outlines: bool = False) -> None:
        self._outlines = outlines
        self._tracks: dict[tuple[str, int], list[NDArray[np.void]]] = {}
        self._table: FrameTable | None = None

    def update(
        self,
        amodal: ArrayLike,
        visible: ArrayLike,
        prediction: ArrayLike,
        *,
        video: str,
        track_id: int,
        frame_indices: ArrayLike | None = None,
        available: ArrayLike | None = None,
        others: ArrayLike | None = None,
        window: tuple[ArrayLike, ArrayLike] | None = None,
        confidence: ArrayLike | None = None,
    ) -> None:
        """Add a clip's frames. Arrays and tensors (on the CPU) alike.

        Args:
            amodal: bool ``(T, H, W)``, the true mask in the whole image.
            visible: bool ``(T, H, W)``, its seen part.
            prediction: bool ``(T, H, W)``, the answer.
            video: name of the video.
            track_id: number of the object in the video.
            frame_indices: int ``(T,)``, positions in the video; 0 to T - 1 if not given. An index that repeats the one
                before it is padding, which ``strict`` does not score.
            available: bool ``(T,)``, true where the frame has an amodal annotation; no protocol scores the others.
                All, if not given.
            others: bool ``(T, H, W)``, the seen parts of the video's other objects, without which ``savos`` has no
                frames.
            window: amodal mask and answer in the network's window, bool ``(T, h, w)`` each, for ``miou_crop``.
            confidence: of the system in its answer, float ``(T,)``, 0..1; none, if not given.

        Raises:
            DataError: a mask is not bool, a confidence not in 0..1, or shapes do not agree.
        """
        where = f"video {video}, track {track_id}"
        masks = _same_shape(where, amodal=amodal, visible=visible, prediction=prediction)
        length = len(masks[0])
        pair = None
        if window is not None:
            pair = _same_shape(where, window_amodal=window[0], window_prediction=window[1])
            _check_length(where, "window", length, pair[0])
        indices = np.arange(length) if frame_indices is None else np.asarray(frame_indices)
        _check_length(where, "frame_indices", length, indices)
        annotated = np.ones(length, bool) if available is None else np.asarray(available, bool)
        _check_length(where, "available", length, annotated)
        told = None if confidence is None else np.asarray(confidence, float)
        if told is not None:
            _check_length(where, "confidence", length, told)
            if not ((told >= 0) & (told <= 1)).all():  # NaN is neither
                raise DataError(f"{where}: confidence must be from 0 to 1, found {told.min()} to {told.max()}")
        around = None
        if others is not None:
            around = _same_shape(where, amodal=amodal, others=others)[1]
        amodal, visible, prediction = masks
        height, width = amodal.shape[1:]
        part = part_around(amodal | visible | prediction, margin(height, width))
        counter = Counter(
            indices,
            amodal[part],
            visible[part],
            Part(part[1].start, part[2].start, height, width),
            available=annotated,
            others=None if around is None else around[part],
            outlines=self._outlines,
        )
        rows = counter.count(prediction[part], (pair[0], pair[1]) if pair else None, told)
        self.add(video, track_id, rows[annotated])

    def add(self, video: str, track_id: int, rows: NDArray[np.void]) -> None:
        """Add frames that are counted already.

        Args:
            video: name of the video.
            track_id: number of the object in the video.
            rows: ``COUNTS`` ``(T,)``, as ``Counter`` gives them.
        """
        self._tracks.setdefault((video, track_id), []).append(rows)
        self._table = None

    def merge(self, other: "Scores") -> None:
        """Add the frames of another part."""
        for key, blocks in other._tracks.items():
            self._tracks.setdefault(key, []).extend(blocks)
        self._table = None

    @property
    def tracks(self) -> list[tuple[str, int]]:
        """Video and object of each track, by its number in ``table``."""
        return sorted(self._tracks)

    def table(self) -> FrameTable:
        """All frames so far.

        Raises:
            DataError: a frame of a track was added twice.
        """
        if self._table is None:
            keys = self.tracks
            blocks = [_in_order(self._tracks[key], *key) for key in keys]
            lengths = [len(block) for block in blocks]
            _, videos = np.unique([video for video, _ in keys], return_inverse=True)
            counts = np.concatenate([np.zeros(0, COUNTS), *blocks])
            parts = np.split(counts, np.cumsum(lengths)[:-1])  # views, so that the frames are held once
            self._tracks = {key: [part] for key, part in zip(keys, parts, strict=False)}
            self._table = FrameTable(counts, np.repeat(np.arange(len(keys)), lengths), np.repeat(videos, lengths))
        return self._table

    def compute(self, protocol: str) -> dict[str, Any]:
        """The scores of all frames so far, as plain values fit for JSON.

        Args:
            protocol: its name in ``PROTOCOLS``; ``eoras.evaluation.protocols`` says what each returns.

        Raises:
            ConfigError: no such protocol.
            DataError: a frame of a track was added twice.
        """
        check_protocol(protocol)
        return PROTOCOLS[protocol](self.table())

    def compare(self, other: "Scores", protocol: str, seed: int = 0) -> dict[str, Any]:
        """Whether this system and another one differ, by draws of whole videos (see ``significance.compare``).

        Args:
            other: what another system scored on the same frames.
            protocol: its name in ``PROTOCOLS``.
            seed: of the draws.

        Raises:
            ConfigError: no such protocol.
            DataError: the two have scored different frames, or a frame twice.
        """
        check_protocol(protocol)
        if others := set(self.tracks) ^ set(other.tracks):
            video, track_id = min(others)
            raise DataError(
                f"video {video}, track {track_id}: expected scores of both systems, found those of one; score both on "
                "the same tracks"
            )
        first, second = self.table(), other.table()
        if not (
            np.array_equal(first.tracks, second.tracks)
            and np.array_equal(first.counts["frame_index"], second.counts["frame_index"])
        ):
            raise DataError(
                "expected the same frames of each track, found others; score both systems on the same frames"
            )
        return compare(first, second, protocol, seed)


def _in_order(blocks: list[NDArray[np.void]], video: str, track_id: int) -> NDArray[np.void]:
    rows = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    # Sorting compares all that is counted, and takes long; most often there is nothing to do.
    if (np.diff(rows["frame_index"]) > 0).all():
        return rows
    rows = np.sort(rows)
    frames = rows["frame_index"][rows["repeated"] == 0]
    if len(twice := frames[1:][np.diff(frames) == 0]):
        raise DataError(
            f"video {video}, track {track_id}: expected each frame once, found frame {twice[0]} twice; pass "
            "frame_indices, each frame once"
        )
    return rows


def _same_shape(where: str, **masks: ArrayLike) -> tuple[Masks, ...]:
    arrays = {name: np.asarray(mask) for name, mask in masks.items()}
    shape = next(iter(arrays.values())).shape
    for name, array in arrays.items():
        if array.dtype != bool or array.ndim != 3 or array.shape != shape:
            expected = f"bool {shape}" if len(shape) == 3 else "bool (frames, rows, columns)"
            raise DataError(f"{where}: {name} must be {expected}, found {array.dtype} {array.shape}")
    return tuple(arrays.values())


def _check_length(where: str, name: str, length: int, array: NDArray[Any]) -> None:
    if array.shape[:1] != (length,):
        raise DataError(f"{where}: {name} must have one entry for each of the {length} frames, found {array.shape}")
