"""SAM 2 of ``transformers``: its weights, and one object followed from frame to frame in bounded memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from eoras.data.masks import Rle, encode
from eoras.errors import CheckpointError, PackageError
from eoras.model.weights import CONFIG, WEIGHTS, find_model
from eoras.prediction.prompts import DEFAULT_TRACKER, Prompt

__all__ = ["Follower", "Tracker", "load_tracker"]

_KIND = "sam2_video"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, with which every SAM 2 is trained
_ON_OBJECT, _LEFT_TOP, _RIGHT_BOTTOM = 1, 2, 3  # what SAM 2 calls the points of a prompt


class Tracker:
    """SAM 2 on its device.

    Args:
        model: a ``Sam2VideoModel`` of ``transformers`` in evaluation mode, on its device.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = torch.device(model.device)
        self.side = int(model.config.image_size)  # pixels of the square that it sees
        # frames whose memory it looks at again, at most
        self.reach = max(model.config.num_maskmem, model.config.max_object_pointers_in_encoder)

    def shrink(self, pixels: np.ndarray) -> Tensor:
        """What it sees of a frame.

        Args:
            pixels: uint8 ``(H, W, 3)``, RGB.

        Returns:
            uint8 ``(3, side, side)``.
        """
        image = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).permute(2, 0, 1)[None]
        return F.interpolate(image, size=(self.side, self.side), mode="bilinear", antialias=True)[0]

    def normalize(self, image: Tensor) -> Tensor:
        """Turn what ``shrink`` gives into the model's input, float32 ``(1, 3, side, side)`` on its device."""
        mean, std = (torch.tensor(values, device=self.device)[:, None, None] for values in (_MEAN, _STD))
        return ((image.to(self.device) / 255 - mean) / std)[None]

    def follow(self, prompts: dict[int, Prompt], height: int, width: int) -> dict[int, "Follower"]:
        """Make ready to follow objects, by id, in frames of ``height`` rows and ``width`` columns.

        They do not depend on each other, but the features of a frame are computed once for all.
        """
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceCache

        cache = Sam2VideoInferenceCache(self.device, self.device)
        return {key: Follower(self, prompt, height, width, cache) for key, prompt in prompts.items()}


class Follower:
    """Follows one object: first the frame of its prompt, then frames in order, forward or backward.

    Args:
        tracker: the model.
        prompt: where the object is.
        height: rows of the video, in pixels.
        width: columns of the video, in pixels.
        cache: features of the frame that was looked at last; several may share it.
    """

    def __init__(self, tracker: Tracker, prompt: Prompt, height: int, width: int, cache: Any) -> None:
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        self._tracker = tracker
        self.prompt = prompt
        self._size = (height, width)
        self._session = Sam2VideoInferenceSession(
            inference_device=tracker.device,
            inference_state_device=tracker.device,
            video_storage_device=tracker.device,
            dtype=torch.float32,
        )
        self._session.cache = cache
        number = self._session.obj_id_to_idx(1)
        points = torch.tensor(prompt.numbers).reshape(1, 1, -1, 2) * torch.tensor(
            [tracker.side / width, tracker.side / height]
        )
        labels = [_ON_OBJECT] if prompt.box is None else [_LEFT_TOP, _RIGHT_BOTTOM]
        inputs = {"point_coords": points, "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None]}
        self._session.add_point_inputs(number, prompt.frame, inputs)
        self._session.obj_with_new_inputs = [1]

    def step(self, index: int, pixels: Tensor, *, backward: bool = False) -> Rle:
        """Find the object in the next frame.

        Args:
            index: of the frame; that of the prompt comes first, the others follow or precede it one by one.
            pixels: what ``Tracker.normalize`` gives of it.
            backward: whether time goes backward.

        Returns:
            Its seen part in the size of the video; empty where it is not seen.
        """
        session = self._session
        logits = self._tracker.model(session, frame_idx=index, frame=pixels, reverse=backward).pred_masks
        self._forget()
        whole = F.interpolate(logits.float(), size=self._size, mode="bilinear", align_corners=False)
        return encode((whole[0, 0] > 0).cpu().numpy())

    def turn(self) -> None:
        """Go back to the frame of the prompt."""
        self._session.output_dict_per_obj[0]["non_cond_frame_outputs"].clear()

    def _forget(self) -> None:
        """Drop what will not be looked at again; a session keeps everything by itself."""
        session = self._session
        assert session.processed_frames is not None
        session.processed_frames.clear()
        session.frames_tracked_per_obj[0].clear()
        for outputs in session.output_dict_per_obj[0].values():
            for output in outputs.values():
                output.pop("high_res_masks", None)  # its memory is made of it, and made by now
        past = session.output_dict_per_obj[0]["non_cond_frame_outputs"]
        while len(past) > self._tracker.reach:
            del past[next(iter(past))]


def load_tracker(name: str, device: torch.device | str) -> Tracker:
    """Load SAM 2.

    Args:
        name: a local folder with ``config.json`` and ``model.safetensors``, or a name on the Hugging Face hub.
        device: what it runs on.

    Raises:
        PackageError: ``transformers`` is not installed.
        CheckpointError: there are no such weights, or they are damaged or of something else.
    """
    try:
        from transformers import Sam2VideoModel, logging
    except ImportError as error:
        raise PackageError.of(error.name or "transformers", "track") from error
    folder = _find(name)
    with _quiet(logging):
        try:
            loaded: Any = Sam2VideoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
        except Exception as error:  # whatever reading a damaged file raises
            raise CheckpointError(f"{name}: damaged ({error}); download it again") from None
    model, info = loaded
    lacking = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in info[kind])
    if lacking:
        raise CheckpointError(f"{name}: {len(lacking)} weights are missing, such as {lacking[0]}; download it again")
    return Tracker(model.to(device).eval())


def _find(name: str) -> Path:
    cure = f"name a folder with {CONFIG} and {WEIGHTS} of SAM 2, such as a copy of {DEFAULT_TRACKER}"
    if (Path(name) / CONFIG).is_file() and not (Path(name) / WEIGHTS).is_file():
        raise CheckpointError(f"{name}: expected {WEIGHTS} beside {CONFIG}, found none; {cure}")
    try:
        folder = find_model(name)
    except CheckpointError as error:
        raise CheckpointError(f"tracker {error}; {cure}") from None
    try:
        kind = json.loads((folder / CONFIG).read_bytes())["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = "none"
    if kind != _KIND:
        raise CheckpointError(f"{name}: expected a model of type {_KIND}, found {kind}; {cure}")
    return folder


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Without the bars and remarks of ``transformers``; what is amiss is told by this module."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
