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
from eoras.model.backbone import Backbone, Features
from eoras.model.bev import BirdsEyeView
from eoras.model.heads import ConfidenceHead, MaskHead, SkipHead
from eoras.model.lite import LiteBackbone
from eoras.model.slots import KeysValues, OverTime, Updater, sine_cosine
from eoras.model.weights import fill, find_model, read_folder, write_folder

__all__ = ["Encoded", "EoRaS", "Masks"]

_TOKENS = 16 * 16  # of each view
_TOKEN_SIDE = 128 // 16  # pixels of a crop
_REWRITTEN = 32  # frames at once, in evaluation: what they read of their clip is copied for each of them


class Masks(NamedTuple):
    """Logits, of masks float ``(B, T, 121, 121)``; None for what the network has no head for.

    ``confidence`` are the logits of the intersection over union that the amodal mask is expected to reach, float
    ``(B, T)``.
    """

    amodal: Tensor
    visible: Tensor | None = None
    occluded: Tensor | None = None
    confidence: Tensor | None = None


class Encoded(NamedTuple):
    """What slots and heads read of N frames.

    Attributes:
        front: tokens of the front view, float ``(N, 256, D)``.
        of_bev: what each layer of a step reads of the bird's-eye view; None where there is none.
        of_front: what each layer of a step reads of the front view.
        fine: what a ``skip`` decoder adds, float ``(N, C, 32, 32)`` and ``(N, C', 64, 64)``, and with ``visible_skip``
            ``(N, 1, 128, 128)``; else nothing.
    """

    front: Tensor
    of_bev: list[KeysValues] | None
    of_front: list[KeysValues]
    fine: tuple[Tensor, ...] = ()


class EoRaS(nn.Module):
    """Object-centric amodal segmentation of one track (EoRaS, ICCV 2023).

    The crops of all frames pass the backbone and the bird's-eye view at once. Slots then walk through time, once
    forward and once backward, and read both views of each frame. The slots of each frame rewrite its front-view
    features, from both directions, and the two results side by side are decoded into masks.

    With ``temporal: clip`` slots do not walk: those of each frame read its views. Each place of the front view looks at
    the same place in all frames, and the slots of all frames together rewrite it; frames count less the further away
    they are.

    Args:
        config: the network's shape; the defaults are the published MOVi-B model.
    """

    front_position: Tensor
    bev_position: Tensor
    slot_position: Tensor
    mean: Tensor
    std: Tensor
    portable = False  # see ``make_portable``
    frames_apart = False  # whether batch normalisation, in training, sees the clips' first frames, then their second...

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, channels = config.width, config.pyramid_channels
        in_channels = 4 if config.visible_input else 3
        if config.backbone == "lite0":
            self.backbone = LiteBackbone(in_channels, channels)
        else:
            self.backbone = Backbone(in_channels, config.backbone_width, config.backbone_depths, channels)
        for name, values in (("mean", self.backbone.mean), ("std", self.backbone.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        self.bev = None
        if config.bev:
            corners = config.view.intrinsics != "crop"
            self.bev = BirdsEyeView(channels, config.bev_channels, config.camera_position, align_corners=corners)
        self.front_tokens = nn.Linear(channels, width)
        self.visible_tokens = nn.Linear(_TOKEN_SIDE**2, width, bias=False) if config.visible_skip else None
        if config.bev:
            self.bev_tokens = nn.Linear(config.bev_channels[-1], width)
        self.slots = nn.Parameter(torch.randn(config.num_slots, width))
        lengths = {"front_position": _TOKENS, "bev_position": _TOKENS, "slot_position": config.num_slots}
        if not config.bev:
            del lengths["bev_position"]
        for name, length in lengths.items():
            if config.position_code == "learned":
                self.register_parameter(name, nn.Parameter(torch.randn(length, width)))
            else:
                self.register_buffer(name, sine_cosine(torch.arange(length), width), persistent=False)
        shape = (width, config.feedforward, config.num_heads, config.num_layers, config.dropout)
        self.slots_from_bev = Updater(*shape) if config.bev else None
        self.slots_from_front, self.front_from_slots = Updater(*shape), Updater(*shape)
        self.over_time = OverTime(width, config.num_heads, config.dropout) if config.temporal == "clip" else None
        updated = 2 * width if config.temporal == "walk" else width  # from both directions, or from all at once
        self.heads = nn.ModuleDict({name: self._head(updated) for name in config.mask_heads})
        self.confidence = ConfidenceHead(updated) if config.confidence else None
        if config.visible_input:
            nn.init.zeros_(self.backbone.conv1.weight[:, 3:])

    def forward(
        self,
        frames: Tensor,
        intrinsics: Tensor,
        lengths: Tensor | None = None,
        visible: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Masks:
        """Answer with masks in the crops' windows.

        Args:
            frames: float ``(B, T, 3, 128, 128)``, RGB crops in 0..1.
            intrinsics: float ``(B, T, 3, 3)``, used as given, in the convention of ``config.view.intrinsics``.
            lengths: int ``(B,)``, frames of each clip; those after are padding, whose masks mean nothing. None: all.
            visible: bool, float of 0 and 1, or integers that are not 0 where it is seen, ``(B, T, 121, 121)``: the seen
                part in the same windows; only with ``config.visible_input``, and then always.
            times: int ``(B, T)``, positions of the frames in their video, which ``temporal: clip`` looks at; None:
                frames follow each other.

        Returns:
            Logits for each of ``config.mask_heads``, and the confidence where the network has that head.

        Raises:
            ValueError: ``visible`` is given to a network that does not take it, or missing for one that does; or frames
                are not floating-point.
        """
        batch, length = frames.shape[:2]
        visible = None if visible is None else visible.flatten(0, 1)
        found = self.encode(frames.flatten(0, 1), intrinsics.flatten(0, 1), visible, clip_length=length)
        if self.config.temporal == "walk":
            order = _time_orders(batch, length, lengths, frames.device)
            masks = self.decode(found.front, *self._walk_through_time(found, order), found.fine)
        else:
            times = torch.arange(length, device=frames.device).expand(batch, -1) if times is None else times
            slots = self.step(self.slots.expand(batch * length, -1, -1), found.of_bev, found.of_front)
            masks = self.decode_together(found.front, slots, times, lengths, found.fine)
        given = {name: logits for name, logits in masks._asdict().items() if logits is not None}
        return Masks(**{name: logits.unflatten(0, (batch, length)) for name, logits in given.items()})

    def encode(
        self, frames: Tensor, intrinsics: Tensor, visible: Tensor | None = None, *, clip_length: int = 1
    ) -> Encoded:
        """What slots and heads read of N frames, each for itself.

        Args:
            frames: float ``(N, 3, 128, 128)``, as ``forward`` has them.
            intrinsics: float ``(N, 3, 3)``.
            visible: bool, float or integers ``(N, 121, 121)``, as ``forward`` has them.
            clip_length: how many frames in a row are of one clip; only ``frames_apart`` asks.
        """
        images = self._images(frames, visible)
        features, bev = self._views(images, intrinsics, clip_length)
        of_bev = None
        if bev is not None and self.slots_from_bev is not None:
            of_bev = self.slots_from_bev.read_memory(self.bev_tokens(_tokens(bev)), self.bev_position)
        front = self.front_tokens(_tokens(features.front))
        fine = (features.stride4, features.stride2)
        if self.visible_tokens is not None:
            mask = images[:, 3:]
            front = front + self.visible_tokens(_tokens(F.pixel_unshuffle(mask, _TOKEN_SIDE)))
            fine = (*fine, mask)
        of_front = self.slots_from_front.read_memory(front, self.front_position)
        return Encoded(front, of_bev, of_front, fine if self.config.decoder == "skip" else ())

    def step(self, slots: Tensor, of_bev: Sequence[KeysValues] | None, of_front: Sequence[KeysValues]) -> Tensor:
        """Let slots, float ``(N, S, D)``, read one frame each, as ``encode`` gives it; first ``self.slots`` do."""
        if of_bev is not None and self.slots_from_bev is not None:
            slots = self.slots_from_bev(slots, self.slot_position, of_bev)
        return self.slots_from_front(slots, self.slot_position, of_front)

    def decode(self, front: Tensor, forth: Tensor, back: Tensor, fine: Sequence[Tensor] = ()) -> Masks:
        """Rewrite the front view of N frames from their slots of both directions, and answer with masks.

        Args:
            front: float ``(N, 256, D)``, as ``encode`` gives it.
            forth: float ``(N, S, D)``, the slots after each frame, walking forward.
            back: float ``(N, S, D)``, the same walking back.
            fine: as ``encode`` gives it.

        Returns:
            Logits, of masks float ``(N, 121, 121)``, of the confidence ``(N,)``.
        """
        memory = self.front_from_slots.read_memory(torch.cat((forth, back)), self.slot_position)
        both = self.front_from_slots(front.repeat(2, 1, 1), self.front_position, memory).unflatten(0, (2, -1))
        return self._answer(torch.cat(both.unbind(), dim=-1), fine)

    def decode_together(
        self, front: Tensor, slots: Tensor, times: Tensor, lengths: Tensor | None = None, fine: Sequence[Tensor] = ()
    ) -> Masks:
        """What ``decode`` is with ``temporal: clip``: each frame's front view is rewritten from its clip's slots.

        Args:
            front: float ``(B * T, 256, D)``, as ``encode`` gives it.
            slots: float ``(B * T, S, D)``, the first slots after a ``step`` of each frame.
            times: int ``(B, T)``, as ``forward`` has them.
            lengths: int ``(B,)``, as ``forward`` has them.
            fine: as ``encode`` gives it.

        Returns:
            Logits, of masks float ``(B * T, 121, 121)``, of the confidence ``(B * T,)``.
        """
        over_time = self.over_time
        assert over_time is not None
        batch, length = times.shape
        nearness = self._nearness(times, lengths).to(slots)
        front = front.unflatten(0, (batch, length))
        of_places = over_time.read_memory(front)
        memory = slots.unflatten(0, (batch, length)).flatten(1, 2)
        of_clip = self.front_from_slots.read_memory(memory, self.slot_position.repeat(length, 1))

        def rewrite(some: slice) -> Tensor:
            """The front view of some frames of each clip, float ``(B, t, 256, D)``."""
            near = nearness[:, :, some]
            tokens = over_time(front[:, some], of_places, near)
            count = tokens.shape[1]
            of_slots = near.repeat_interleave(self.config.num_slots, -1).transpose(1, 2).flatten(0, 1)[:, :, None]
            of_frames = [
                KeysValues(layer.keys.repeat_interleave(count, 0), layer.values.repeat_interleave(count, 0), of_slots)
                for layer in of_clip
            ]
            rewritten = self.front_from_slots(tokens.flatten(0, 1), self.front_position, of_frames)
            return rewritten.unflatten(0, (batch, count))

        if self.training or self.portable:  # all at once
            rewritten = rewrite(slice(None))
        else:
            starts = range(0, length, _REWRITTEN)
            rewritten = torch.cat([rewrite(slice(start, start + _REWRITTEN)) for start in starts], dim=1)
        return self._answer(rewritten.flatten(0, 1), fine)

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

    def make_portable(self) -> None:
        """Compute from now on with operations that other runtimes know: the same answer, on a CPU more slowly."""
        self.portable = True
        if self.bev is not None:
            self.bev.portable = True

    def _images(self, frames: Tensor, visible: Tensor | None) -> Tensor:
        """What the backbone sees, float ``(N, 3 or 4, 128, 128)``."""
        if (visible is not None) != self.config.visible_input:
            raise ValueError(f"the network has visible_input={self.config.visible_input}, visible is {type(visible)}")
        if not frames.is_floating_point():
            raise ValueError(f"frames: expected floating-point numbers in 0..1, found {frames.dtype}; divide by 255")
        if self.config.normalise:
            frames = (frames - self.mean) / self.std
        if visible is None:
            return frames
        if not visible.is_floating_point() and visible.dtype != torch.bool:
            visible = visible != 0
        mask = visible[:, None].to(frames.dtype)
        return torch.cat((frames, F.interpolate(mask, frames.shape[-2:], mode="bilinear", align_corners=False)), dim=1)

    def _views(self, images: Tensor, intrinsics: Tensor, clip_length: int) -> tuple[Features, Tensor | None]:
        """Features of the front view, and the bird's-eye view, float ``(N, C, 16, 16)``, where there is one."""
        if self.training and self.frames_apart and clip_length > 1:
            views = [self._views(images[t::clip_length], intrinsics[t::clip_length], 1) for t in range(clip_length)]
            features = Features(*(_in_a_row(maps) for maps in zip(*(front for front, _ in views), strict=True)))
            bevs = [bev for _, bev in views if bev is not None]
            return features, _in_a_row(bevs) if bevs else None
        features = self.backbone(images)
        return features, None if self.bev is None else self.bev(features.front, intrinsics)

    def _nearness(self, times: Tensor, lengths: Tensor | None) -> Tensor:
        """How much less each frame looks at those that are further away in time, float ``(B, heads, T, T)``.

        Each head has a slope of its own, fixed (Press et al., ICLR 2022), from "this frame alone" to "all alike".
        """
        heads = self.config.num_heads
        slopes = 2.0 ** (2.5 - 8 * (torch.arange(heads, device=times.device) + 0.5) / heads)  # of 8: 4 to 1/32
        bias = -slopes[:, None, None] * (times[:, None, :, None] - times[:, None, None]).abs()
        if lengths is None:
            return bias
        frames = torch.arange(times.shape[1], device=times.device)
        return bias.masked_fill(frames >= lengths.to(times.device)[:, None, None, None], -torch.inf)

    def _walk_through_time(self, found: Encoded, order: Tensor) -> tuple[Tensor, Tensor]:
        """Slots after each frame, walking forward and walking back: float ``(B * T, S, D)`` each."""
        slots = self.slots.expand(order.shape[1], -1, -1)
        of_bev = [None] * len(order) if found.of_bev is None else _along(found.of_bev, order)
        states = []
        for bev_memory, front_memory in zip(of_bev, _along(found.of_front, order), strict=True):
            slots = self.step(slots, bev_memory, front_memory)
            states.append(slots)
        walks = torch.stack(states, dim=1).unflatten(0, (2, -1)).flatten(1, 2)
        steps = order.T.unflatten(0, (2, -1)).flatten(1)  # walking back is its own inverse
        forth, back = (walk[step] for walk, step in zip(walks, steps, strict=True))
        return forth, back

    def _answer(self, front: Tensor, fine: Sequence[Tensor]) -> Masks:
        """Masks from the rewritten front view, float ``(N, 256, C)``."""
        features = front.transpose(1, 2).unflatten(-1, (16, 16))
        if self.config.decoder == "skip":
            masks = {name: head(features, *fine) for name, head in self.heads.items()}
        else:
            on_tiles = front.device.type == "cpu" if self.bev is None else self.bev.skips_on(front.device)
            on_tiles = on_tiles and not self.portable
            masks = {name: head(features, on_tiles) for name, head in self.heads.items()}
        if self.confidence is not None:
            masks["confidence"] = self.confidence(features, masks["amodal"])
        return Masks(**masks)

    def _head(self, channels: int) -> nn.Module:
        if self.config.decoder == "plain":
            return MaskHead(channels)
        return SkipHead(channels, *self.backbone.fine_channels, takes_visible=self.config.visible_skip)


def _in_a_row(frames: Sequence[Tensor]) -> Tensor:
    """The first frames of B clips, then their second ones, ..., each ``(B, ...)``, to ``(B * T, ...)``."""
    return torch.stack(list(frames), dim=1).flatten(0, 1)


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
