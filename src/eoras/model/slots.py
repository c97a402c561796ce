"""Slots: learned object vectors that read both views frame after frame and then rewrite the front view."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.dropout import Dropout, attend

__all__ = ["KeysValues", "OverTime", "Updater", "sine_cosine"]


class KeysValues(NamedTuple):
    """What a layer reads from its memory, each float ``(..., heads, M, width / heads)``.

    ``bias``, float of a shape that fits ``(..., heads, N, M)``, is added to what N queries find in each key; minus
    infinity: it must not be read. None: zero.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor | None = None


class Attention(nn.Module):
    """Scaled dot-product attention over several heads, with the projections of queries, keys and values in one matrix.

    Args:
        width: channels of tokens.
        num_heads: heads.
        dropout: probability that a weight is dropped.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, Dropout(dropout)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.out.bias)

    def queries(self, tokens: Tensor) -> Tensor:
        """Float ``(..., N, width)`` to ``(..., heads, N, width / heads)``."""
        return self._heads(tokens, 0, 1)[0]

    def keys_values(self, tokens: Tensor, position: Tensor) -> KeysValues:
        """Keys of ``tokens + position`` and values of ``tokens``, both float ``(..., M, width)``."""
        (keys,) = self._heads(tokens + position, 1, 2)
        (values,) = self._heads(tokens, 2, 3)
        return KeysValues(keys, values)

    def to_itself(self, tokens: Tensor, position: Tensor) -> Tensor:
        """Attend from each of the tokens, float ``(..., N, width)``, to all of them."""
        queries, keys = self._heads(tokens + position, 0, 2)
        (values,) = self._heads(tokens, 2, 3)
        return self.read(queries, KeysValues(keys, values))

    def read(self, queries: Tensor, memory: KeysValues) -> Tensor:
        """Attend from the queries to a memory; float ``(..., N, width)``."""
        mixed = attend(queries, memory.keys, memory.values, self.dropout, memory.bias)
        return self.out(mixed.transpose(-2, -3).flatten(-2))

    def _heads(self, tokens: Tensor, first: int, last: int) -> Sequence[Tensor]:
        """Project with the parts ``first`` to ``last`` of (query, key, value) and split into heads."""
        width = tokens.shape[-1]
        rows = slice(first * width, last * width)
        projected = F.linear(tokens, self.project.weight[rows], self.project.bias[rows])
        parts = projected.unflatten(-1, (last - first, self.num_heads, -1)).transpose(-2, -4)
        return parts.unbind(-3)


class UpdateLayer(nn.Module):
    """Tokens attend to each other, then to a memory, then pass a small network; normalised after each."""

    def __init__(self, width: int, feedforward: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(width, num_heads, dropout)
        self.cross_attention = Attention(width, num_heads, dropout)
        self.linear1 = nn.Linear(width, feedforward)
        self.linear2 = nn.Linear(feedforward, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, position: Tensor, memory: KeysValues) -> Tensor:
        """Update float tokens ``(..., N, width)`` that stand at ``position`` ``(N, width)`` from the memory."""
        x = self.norm1(tokens + self.dropout(self.self_attention.to_itself(tokens, position)))
        queries = self.cross_attention.queries(x + position)
        x = self.norm2(x + self.dropout(self.cross_attention.read(queries, memory)))
        hidden = self.dropout.of_relu(self.linear1(x))
        return self.norm3(x + self.dropout(self.linear2(hidden)))


class OverTime(nn.Module):
    """Each token attends to those at its place in all frames of the clip; normalised after.

    Args:
        width: channels of tokens.
        num_heads: attention heads.
        dropout: probability.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, num_heads, dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def read_memory(self, tokens: Tensor) -> KeysValues:
        """Keys and values of each place in all frames, for float tokens ``(B, T, N, width)``."""
        return self.attention.keys_values(tokens.transpose(1, 2).flatten(0, 1), tokens.new_zeros(()))

    def forward(self, tokens: Tensor, memory: KeysValues, bias: Tensor) -> Tensor:
        """Update float tokens ``(B, t, N, width)`` of some of the frames, or all.

        Args:
            tokens: of these frames.
            memory: of all frames, as ``read_memory`` gives it.
            bias: float ``(B, heads, t, T)``, from these frames to all.
        """
        places = tokens.transpose(1, 2)
        of_places = bias[:, None].expand(-1, places.shape[1], -1, -1, -1).flatten(0, 1)
        queries = self.attention.queries(places.flatten(0, 1))
        mixed = self.attention.read(queries, memory._replace(bias=of_places)).view_as(places)
        return self.norm(places + self.dropout(mixed)).transpose(1, 2)


class Updater(nn.Module):
    """A stack of layers that update tokens from a memory.

    Args:
        width: channels of tokens and memory.
        feedforward: hidden channels of a layer's small network.
        num_heads: attention heads.
        num_layers: layers.
        dropout: probability.
    """

    def __init__(self, width: int, feedforward: int, num_heads: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        layers = (UpdateLayer(width, feedforward, num_heads, dropout) for _ in range(num_layers))
        self.layers = cast("Sequence[UpdateLayer]", nn.ModuleList(layers))

    def read_memory(self, memory: Tensor, position: Tensor) -> list[KeysValues]:
        """Keys and values of each layer, for a memory float ``(..., M, width)`` at ``position`` ``(M, width)``."""
        return [layer.cross_attention.keys_values(memory, position) for layer in self.layers]

    def forward(self, tokens: Tensor, position: Tensor, memory: Sequence[KeysValues]) -> Tensor:
        """Update float tokens ``(..., N, width)`` at ``position`` ``(N, width)``, one memory a layer."""
        for layer, keys_values in zip(self.layers, memory, strict=True):
            tokens = layer(tokens, position, keys_values)
        return tokens


def sine_cosine(positions: Tensor, width: int) -> Tensor:
    """Fixed position codes: sines in the even channels, cosines in the odd ones, in one dimension even for maps.

    Args:
        positions: of any type and shape ``(...)``, such as the numbers of tokens.
        width: channels of the codes.

    Returns:
        float32 ``(..., width)``.
    """
    rates = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device=positions.device) / width)
    angles = positions[..., None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2).float()
