"""Saving the answers that were scored, in the project's masks file (formats D.3), for ``eoras score``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.config_files import describe
from eoras.data.masks import encode
from eoras.evaluation.counts import Masks
from eoras.files import write_beside
from eoras.geometry import Paste

__all__ = ["PredictionsWriter"]

_KEYS: Mapping[Paste, str] = {"strict": "amodal_segmentations", "paper": "paper_segmentations"}


class PredictionsWriter:
    """Collects answers as runs, and writes them when all are there: a video's length is that of its longest track.

    Args:
        view: what the network sees; it stands in the file, so that the very same frames are scored again.
    """

    def __init__(self, view: ViewConfig) -> None:
        self._view = view
        self._videos: dict[str, dict[str, Any]] = {}
        self._tracks: list[tuple[str, int, dict[str, dict[int, Any]]]] = []

    def add(self, clip: Clip, answers: Mapping[Paste, Masks]) -> None:
        """Add a track.

        Args:
            clip: the whole track.
            answers: bool ``(T, H, W)`` for each way to paste.
        """
        indices = clip.frame_indices.tolist()
        new = {"id": len(self._videos) + 1, "name": clip.video, "width": clip.width, "height": clip.height, "length": 0}
        video = self._videos.setdefault(clip.video, new)
        video["length"] = max(video["length"], indices[-1] + 1)
        masks = {
            _KEYS[paste]: {t: encode(mask).record for t, mask in zip(indices, answer, strict=True)}
            for paste, answer in answers.items()
        }
        if "amodal_segmentations" not in masks:  # scored under paper alone: then these are the masks
            masks = {"amodal_segmentations": masks["paper_segmentations"]}
        self._tracks.append((clip.video, clip.track_id, masks))

    def merge(self, other: "PredictionsWriter") -> None:
        """Add the tracks of another part."""
        for name, video in other._videos.items():
            own = self._videos.setdefault(name, {**video, "id": len(self._videos) + 1})
            own["length"] = max(own["length"], video["length"])
        self._tracks += other._tracks

    def write(self, path: str | Path) -> None:
        """Write the file.

        Raises:
            RunError: the disk is full, or ``path`` cannot be written.
        """
        with write_beside(Path(path)) as beside, beside.open("w", encoding="ascii") as file:
            info = {"view": describe(self._view)}
            file.write(f'{{"format_version": 1,\n"info": {json.dumps(info)},\n"annotations": [')
            for number, (name, track_id, masks) in enumerate(self._tracks):
                video = self._videos[name]
                frames = range(video["length"])
                record = {"id": number + 1, "video_id": video["id"], "track_id": track_id, "category_id": 1}
                record |= {key: [found.get(t) for t in frames] for key, found in masks.items()}
                file.write((",\n" if number else "\n") + json.dumps(record))
            videos = json.dumps(list(self._videos.values()))
            file.write(f'],\n"videos": {videos},\n"categories": [{{"id": 1, "name": "object"}}]}}\n')
