"""The network: crops of one object in, its whole shape out. Reads like the method's figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.config import ModelConfig, ViewConfig
from eoras.model import official
from eoras.model.backbone import Backbone
from eoras.model.bev import BirdsEyeView
from eoras.model.heads import MaskHead
from eoras.model.slots import KeysValues, Updater, sine_cosine
from eoras.model.weights import fill, find_model, read_folder, write_folder

__all__ = ["EoRaS", "Masks"]

_TOKENS = 16 * 16  # of each view


class Masks(NamedTuple):
    """Logits, each float ``(B, T, 121, 121)``; None for a mask the network has no head for."""

    amodal: Tensor
    visible: Tensor | None = None
    occluded: Tensor | None = None


class EoRaS(nn.Module):
    """Object-centric amodal segmentation of one track (EoRaS, ICCV 2023).

    The crops of all frames pass the backbone and the bird's-eye view at once. Slots then walk through time, once
    forward and once backward, and read both views of each frame. The slots of each frame rewrite its front-view
    features, from both directions, and the two results side by side are decoded into masks.

    Args:
        config: the network's shape; the defaults are the published MOVi-B model.
    """

    front_position: Tensor
    bev_position: Tensor
    slot_position: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, channels = config.width, config.pyramid_channels
        in_channels = 4 if config.visible_input else 3
        self.backbone = Backbone(in_channels, config.backbone_width, config.backbone_depths, channels)
        self.bev = BirdsEyeView(channels, config.bev_channels, config.camera_position)
        self.front_tokens = nn.Linear(channels, width)
        self.bev_tokens = nn.Linear(config.bev_channels[-1], width)
        self.slots = nn.Parameter(torch.randn(config.num_slots, width))
        lengths = {"front_position": _TOKENS, "bev_position": _TOKENS, "slot_position": config.num_slots}
        for name, length in lengths.items():
            if config.position_code == "learned":
                self.register_parameter(name, nn.Parameter(torch.randn(length, width)))
            else:
                self.register_buffer(name, sine_cosine(length, width), persistent=False)
        self.slots_from_bev, self.slots_from_front, self.front_from_slots = (
            Updater(width, config.feedforward, config.num_heads, config.num_layers, config.dropout) for _ in range(3)
        )
        self.heads = nn.ModuleDict({name: MaskHead(2 * width) for name in config.mask_heads})
        if config.visible_input:
            nn.init.zeros_(self.backbone.conv1.weight[:, 3:])

    def forward(
        self,
        frames: Tensor,
        intrinsics: Tensor,
        lengths: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Masks:
        """Answer with masks in the crops' windows.

        Args:
            frames: float ``(B, T, 3, 128, 128)``, RGB crops in 0..1.
            intrinsics: float ``(B, T, 3, 3)``, used as given, in the convention of ``config.view.intrinsics``.
            lengths: int ``(B,)``, frames of each clip; those after are padding, whose masks mean nothing. None: all.
            visible: bool or float ``(B, T, 121, 121)``, the seen part in the same windows; only with
                ``config.visible_input``, and then always.

        Returns:
            Logits for each of ``config.mask_heads``.

        Raises:
            ValueError: ``visible`` is given to a network that does not take it, or missing for one that does.
        """
        batch, length = frames.shape[:2]
        visible = None if visible is None else visible.flatten(0, 1)
        front, of_bev, of_front = self.encode(frames.flatten(0, 1), intrinsics.flatten(0, 1), visible)
        order = _time_orders(batch, length, lengths, frames.device)
        forth, back = self._walk_through_time(of_bev, of_front, order)
        masks = self.decode(front, forth, back)
        return Masks(*(None if mask is None else mask.unflatten(0, (batch, length)) for mask in masks))

    def encode(
        self, frames: Tensor, intrinsics: Tensor, visible: Tensor | None = None
    ) -> tuple[Tensor, list[KeysValues], list[KeysValues]]:
        """What the walks and the decoder read of N frames, each for itself.

        Args:
            frames: float ``(N, 3, 128, 128)``, as ``forward`` has them.
            intrinsics: float ``(N, 3, 3)``.
            visible: bool or float ``(N, 121, 121)``.

        Returns:
            The front view's tokens, float ``(N, 256, D)``; then what each layer of a step reads of the bird's-eye view
            and of the front view.
        """
        features = self.backbone(self._images(frames, visible))
        bev = self.bev_tokens(_tokens(self.bev(features, intrinsics)))
        front = self.front_tokens(_tokens(features))
        return (
            front,
            self.slots_from_bev.read_memory(bev, self.bev_position),
            self.slots_from_front.read_memory(front, self.front_position),
        )

    def step(self, slots: Tensor, of_bev: Sequence[KeysValues], of_front: Sequence[KeysValues]) -> Tensor:
        """Let slots, float ``(N, S, D)``, read one frame each, as ``encode`` gives it; first ``self.slots`` do."""
        slots = self.slots_from_bev(slots, self.slot_position, of_bev)
        return self.slots_from_front(slots, self.slot_position, of_front)

    def decode(self, front: Tensor, forth: Tensor, back: Tensor) -> Masks:
        """Rewrite the front view of N frames from their slots of both directions, and answer with masks.

        Args:
            front: float ``(N, 256, D)``, as ``encode`` gives it.
            forth: float ``(N, S, D)``, the slots after each frame, walking forward.
            back: float ``(N, S, D)``, the same walking back.

        Returns:
            Logits, float ``(N, 121, 121)`` each.
        """
        memory = self.front_from_slots.read_memory(torch.cat((forth, back)), self.slot_position)
        both = self.front_from_slots(front.repeat(2, 1, 1), self.front_position, memory).unflatten(0, (2, -1))
        features = torch.cat(both.unbind(), dim=-1).transpose(1, 2).unflatten(-1, (16, 16))
        on_tiles = self.bev.skips_on(front.device)
        return Masks(**{name: head(features, on_tiles) for name, head in self.heads.items()})

    @classmethod
    def from_pretrained(cls, model: str | Path) -> "EoRaS":
        """Load a model; evaluation mode, on the CPU.

        Args:
            model: a model folder, as ``save_pretrained`` writes it, a run folder, or a hub name (see ``find_model``).

        Raises:
            CheckpointError: there is none, a file is damaged, or the weights do not fit the configuration.
        """
        folder = find_model(str(model))
        config, entries = read_folder(folder)
        network = cls(config)
        fill(network, entries, folder)
        return network.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``model.safetensors`` and ``config.json`` into ``folder``."""
        write_folder(Path(folder), self, self.config)

    @classmethod
    def from_official(
        cls,
        entries: Mapping[str, Tensor],
        camera_position: tuple[float, float, float] | None = None,
        num_heads: int = 8,
        view: ViewConfig | None = None,
    ) -> "EoRaS":
        """Build a network from the entries of a published checkpoint; evaluation mode.

        Args:
            entries: official names, with or without ``module.``, to tensors.
            camera_position: (x, y, z), world units, if the model was trained with a tilted lattice (Q-B4).
            num_heads: attention heads; 8 in all published models.
            view: what the model was shown; None for the published MOVi setting.

        Raises:
            CheckpointError: an entry is missing, unknown or misshapen.
        """
        entries = official.without_prefix(entries)
        config = official.infer_config(entries, camera_position, num_heads)
        network = cls(config if view is None else replace(config, view=view))
        kept = {name: value for name, value in entries.items() if not official.is_discarded(name)}
        fill(network, kept, "published checkpoint", official.official_name)
        return network.eval()

    def _images(self, frames: Tensor, visible: Tensor | None) -> Tensor:
        """What the backbone sees, float ``(N, 3 or 4, 128, 128)``."""
        if (visible is not None) != self.config.visible_input:
            raise ValueError(f"the network has visible_input={self.config.visible_input}, visible is {type(visible)}")
        if visible is None:
            return frames
        mask = visible[:, None].to(frames.dtype)
        return torch.cat((frames, F.interpolate(mask, frames.shape[-2:], mode="bilinear", align_corners=False)), dim=1)

    def _walk_through_time(
        self, of_bev: Sequence[KeysValues], of_front: Sequence[KeysValues], order: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Slots after each frame, walking forward and walking back: float ``(B * T, S, D)`` each."""
        slots = self.slots.expand(order.shape[1], -1, -1)
        states = []
        for bev_memory, front_memory in zip(_along(of_bev, order), _along(of_front, order), strict=True):
            slots = self.step(slots, bev_memory, front_memory)
            states.append(slots)
        walks = torch.stack(states, dim=1).unflatten(0, (2, -1)).flatten(1, 2)
        steps = order.T.unflatten(0, (2, -1)).flatten(1)  # walking back is its own inverse
        forth, back = (walk[step] for walk, step in zip(walks, steps, strict=True))
        return forth, back


def _tokens(view: Tensor) -> Tensor:
    """Float ``(N, C, 16, 16)`` to ``(N, 256, C)``."""
    return view.flatten(2).transpose(1, 2)


def _time_orders(batch: int, length: int, lengths: Tensor | None, device: torch.device) -> Tensor:
    """The frame that each walk reads at each step, int64 ``(T, 2 * B)``, numbered ``clip * T + frame``.

    The first B walks go forward; the others go back from their clip's last frame and then stand in its padding.
    """
    steps = torch.arange(length, device=device)[:, None].expand(-1, batch)
    last = torch.full((batch,), length, device=device) if lengths is None else lengths.to(device)
    back = torch.where(steps < last, last - 1 - steps, steps)
    return torch.cat((steps, back), dim=1) + length * torch.arange(batch, device=device).repeat(2)


def _along(memory: Sequence[KeysValues], order: Tensor) -> list[list[KeysValues]]:
    """For each step of the walks, what each layer reads there, float ``(2 * B, heads, 256, D / heads)``."""
    layers = [zip(layer.keys[order].unbind(), layer.values[order].unbind(), strict=True) for layer in memory]
    return [[KeysValues(*layer) for layer in step] for step in zip(*layers, strict=True)]
