"""What a network attends to while it answers: its own tensors, listened to in one forward pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eoras.clip import Clip
from eoras.model.asking import evaluating
from eoras.model.eoras import EoRaS, Masks
from eoras.model.slots import KeysValues

__all__ = ["Record", "record"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What happened in a network while it answered for one clip. Attention is averaged over heads and layers.

    Attributes:
        directions: how slots came by: ``forward`` and ``backward``, or ``together`` with ``temporal: clip``.
        masks: the answer, logits float ``(T, 121, 121)`` each.
        front: how much each slot attends to each cell of the front view, float ``(directions, T, S, 16, 16)``; the
            cells of a map add up to 1.
        bev: the same of the bird's-eye view; None where the network has none.
        rewriting: how much each cell of the front view reads of each slot when it is rewritten, float ``(directions,
            T, 16, 16, S)``; ``together``, a slot is counted in all frames.
    """

    directions: tuple[str, ...]
    masks: Masks
    front: Tensor
    bev: Tensor | None
    rewriting: Tensor


def record(network: EoRaS, clip: Clip) -> Record:
    """Let a network answer for a clip, and listen.

    Args:
        network: on the CPU; in evaluation mode meanwhile.
        clip: a whole track.
    """
    given = clip.given[None] if network.config.visible_input else None
    with evaluating(network), _listening(network) as heard:
        answer = network(clip.frames[None], clip.intrinsics[None], visible=given, times=clip.frame_indices[None])
    walks = network.config.temporal == "walk"
    bev = None if network.bev is None else _by_direction(heard["slots_from_bev"], len(clip), walks)
    return Record(
        directions=("forward", "backward") if walks else ("together",),
        masks=Masks(**{name: logits[0] for name, logits in answer._asdict().items() if logits is not None}),
        front=_by_direction(heard["slots_from_front"], len(clip), walks),
        bev=bev,
        rewriting=_of_cells(heard["front_from_slots"], len(clip), walks, network.config.num_layers),
    )


class _Attention(TorchFunctionMode):
    """Computes the weights of those attention calls whose keys are the ones it has been told of."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.keys: Tensor | None = None
        self.weights: dict[str, list[Tensor]] = defaultdict(list)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        del types
        if func is F.scaled_dot_product_attention and args[1] is self.keys:
            queries, keys = args[:2]
            bias = (kwargs or {}).get("attn_mask")
            scores = queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5
            scores = scores if bias is None else scores + bias
            self.weights[self.name].append(scores.softmax(-1).mean(-3))  # over heads
        return func(*args, **(kwargs or {}))


@contextmanager
def _listening(network: EoRaS) -> Iterator[dict[str, list[Tensor]]]:
    """Inside, the weights with which layers read their memory are kept, in the order of reading, by part."""
    attention = _Attention()

    def before(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hear(_: nn.Module, arguments: tuple[Tensor, Tensor, KeysValues]) -> None:
            attention.name, attention.keys = name, arguments[2].keys

        return hear

    parts = {
        "slots_from_bev": network.slots_from_bev,
        "slots_from_front": network.slots_from_front,
        "front_from_slots": network.front_from_slots,
    }
    hooks = [
        layer.register_forward_pre_hook(before(name))
        for name, updater in parts.items()
        if updater is not None
        for layer in updater.layers
    ]
    try:
        with attention:
            yield attention.weights
    finally:
        for hook in hooks:
            hook.remove()


def _by_direction(weights: Sequence[Tensor], length: int, walks: bool) -> Tensor:
    """Slots' attention to a view in the order of frames, float ``(directions, T, S, 16, 16)``."""
    if not walks:
        return torch.stack(list(weights)).mean(0).unflatten(-1, (16, 16))[None]
    steps = torch.stack(list(weights)).unflatten(0, (length, -1)).mean(1)  # (T, 2, S, 256), in the order of walking
    forth, back = steps.unbind(1)
    return torch.stack((forth, back.flip(0))).unflatten(-1, (16, 16))


def _of_cells(weights: Sequence[Tensor], length: int, walks: bool, layers: int) -> Tensor:
    """The front view's attention to slots, float ``(directions, T, 16, 16, S)``; of all layers for some frames each."""
    mean = torch.stack([torch.cat(list(weights[layer::layers])) for layer in range(layers)]).mean(0)
    if walks:
        return mean.unflatten(0, (2, length)).unflatten(2, (16, 16))
    return mean.unflatten(-1, (length, -1)).sum(-2).unflatten(1, (16, 16))[None]
