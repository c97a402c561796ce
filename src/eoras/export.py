"""A network as three graphs for other runtimes: encode frames, let slots read one frame, decode.

Between them the caller walks through time, so that clips of any length run; ``docs/export.md`` shows how.
"""

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from json import dumps
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from eoras.config_files import describe
from eoras.errors import PackageError
from eoras.files import write_folder_beside
from eoras.model.eoras import EoRaS, Masks
from eoras.model.slots import KeysValues

__all__ = ["DESCRIPTION", "SLOTS", "Format", "export_network"]

Format = Literal["onnx", "torch-export"]
DESCRIPTION, SLOTS = "graphs.json", "slots.npy"

_SUFFIX: Mapping[Format, str] = {"onnx": "onnx", "torch-export": "pt2"}
_OPSET = 18  # of ONNX: old enough for the runtimes in use
_MEANINGS = {
    "frames": "crops, RGB in 0..1, not normalised",
    "intrinsics": "of each frame, in the convention of model.view.intrinsics",
    "visible": "the seen part in the crops' windows, 0 or 1",
    "front": "tokens of the front view, row by row",
    "bev_memory": "what a step reads of the bird's-eye view: by layer, keys then values, by head, by token, by channel",
    "front_memory": "what a step reads of the front view, in the same order",
    "slots": "slots before the frame; first those of slots.npy",
    "stride4": "finer features for the decoder",
    "stride2": "the finest features for the decoder",
    "stride1": "the visible mask for the decoder, as large as the crops, 0 to 1",
    "slots_after": "slots after the frame",
    "forth": "slots after each frame, walking from the first frame to the last",
    "back": "slots after each frame, walking from the last frame to the first",
    "clip_slots": "slots after each frame of the clip, each frame read by the first slots",
    "times": "positions of the frames in their video",
    "amodal_logits": "the whole object, in the crop's window; above 0 is inside",
    "visible_logits": "its seen part",
    "occluded_logits": "its hidden part",
    "confidence_logits": "the intersection over union that the amodal mask is expected to reach",
}


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """One of the three.

    Attributes:
        module: what is traced; a tensor for each input, to a tuple with one for each output.
        axis: the name of every tensor's first axis, which may have any length.
        inputs: an example of each, with its name.
        outputs: their names.
    """

    module: nn.Module
    axis: str
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]


def export_network(network: EoRaS, out: str | Path, form: Format, *, half: bool = False) -> None:
    """Write a folder with the three graphs, the first slots (``slots.npy``) and what they are (``graphs.json``).

    Args:
        network: stays as it is; the graphs are those of evaluation mode.
        out: a folder that does not yet exist.
        form: ``onnx``, or ``torch-export`` for ``torch.export.load``.
        half: store the weights in half precision, which halves the files; computed is in float32 all the same.

    Raises:
        PackageError: the extra ``export`` is not installed.
        RunError: the folder cannot be written.
    """
    if form == "onnx":
        _need_onnx()
    network = deepcopy(network).cpu().float().eval().requires_grad_(False)
    network.make_portable()
    with write_folder_beside(Path(out)) as folder:
        graphs = {}
        for name, graph in _graphs(network).items():
            file = f"{name}.{_SUFFIX[form]}"
            with _quiet():
                _save(_trace(graph, half), graph, folder / file, form)
            graphs[name] = {"file": file, **_describe(graph)}
        np.save(folder / SLOTS, network.slots.numpy())
        description = {
            "eoras": version("eoras"),
            "format": form,
            "weights": "float16" if half else "float32",
            "model": describe(network.config),
            "graphs": graphs,
        }
        (folder / DESCRIPTION).write_text(dumps(description, indent=2) + "\n", encoding="utf-8")


class _Encode(nn.Module):
    """Frames to tokens, memories (those of all layers in one tensor each) and what a ``skip`` decoder adds."""

    def __init__(self, network: EoRaS) -> None:
        super().__init__()
        self.network = network

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        found = self.network.encode(*images)
        memories = [_stack(memory) for memory in (found.of_front, found.of_bev) if memory is not None]
        return found.front, *memories, *found.fine


class _Step(nn.Module):
    """Slots and one frame's memories to slots."""

    def __init__(self, network: EoRaS) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        slots, *memories = inputs
        of_front, *of_bev = map(_unstack, memories)
        return (self.network.step(slots, of_bev[0] if of_bev else None, of_front),)


class _Decode(nn.Module):
    """Tokens and the slots of both walks to logits."""

    def __init__(self, network: EoRaS) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        front, forth, back, *fine = inputs
        return _given(self.network.decode(front, forth, back, fine))


class _DecodeTogether(nn.Module):
    """Tokens and the slots of one clip to logits, with ``temporal: clip``."""

    def __init__(self, network: EoRaS) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        front, slots, times, *fine = inputs
        return _given(self.network.decode_together(front, slots, times[None], fine=fine))


class _StoredInHalf(nn.Module):
    """A module whose parameters are float16, made float32 where they are used."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.exact = deepcopy(module)
        for parameter in self.exact.parameters():
            parameter.data = parameter.data.half()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        widened = {name: parameter.float() for name, parameter in self.exact.named_parameters()}
        return torch.func.functional_call(self.exact, widened, inputs)


def _graphs(network: EoRaS) -> dict[str, _Graph]:
    """The graphs by name. The examples have two frames: torch.export takes a length of one for a constant."""
    config, count = network.config, 2
    images = {"frames": torch.rand(count, 3, 128, 128), "intrinsics": torch.eye(3).repeat(count, 1, 1)}
    if config.visible_input:
        images["visible"] = torch.ones(count, 121, 121)
    names = ["front", "front_memory", *(["bev_memory"] if config.bev else [])]
    finer = []
    if config.decoder == "skip":
        finer = ["stride4", "stride2", *(["stride1"] if config.visible_skip else [])]
    names += finer
    encode = _Graph(module=_Encode(network), axis="frames", inputs=images, outputs=names)
    found = dict(zip(names, encode.module(*images.values()), strict=True))
    memories = {name: value for name, value in found.items() if name.endswith("memory")}
    fine = {name: found[name] for name in finer}
    slots = network.slots.repeat(count, 1, 1)
    if config.temporal == "walk":
        decoder, of_slots = _Decode(network), {"forth": slots.clone(), "back": slots.clone()}
    else:
        decoder, of_slots = _DecodeTogether(network), {"clip_slots": slots.clone(), "times": torch.arange(count)}
    heads = {*config.mask_heads, *(["confidence"] if config.confidence else [])}
    answers = [f"{name}_logits" for name in Masks._fields if name in heads]
    return {
        "encode": encode,
        "step": _Graph(
            module=_Step(network), axis="walks", inputs={"slots": slots, **memories}, outputs=["slots_after"]
        ),
        "decode": _Graph(
            module=decoder, axis="frames", inputs={"front": found["front"], **of_slots, **fine}, outputs=answers
        ),
    }


def _trace(graph: _Graph, half: bool) -> ExportedProgram:
    """The operations of a graph, its first axis left open, without the weights it does not use."""
    module = _StoredInHalf(graph.module) if half else graph.module
    axes = ({0: Dim(graph.axis, min=1)},) * len(graph.inputs)
    program = torch.export.export(module, tuple(graph.inputs.values()), dynamic_shapes=(axes,), strict=False)
    _drop_unused(program)
    return program


def _drop_unused(program: ExportedProgram) -> None:
    """Take out what the other two graphs use: a traced method brings the entries of its whole network."""
    for node in program.graph.find_nodes(op="call_function", target=torch.ops.aten._assert_tensor_metadata.default):
        program.graph.erase_node(node)
    program.graph.eliminate_dead_code()
    used = {node.name for node in program.graph.nodes if node.users}
    signature = program.graph_signature
    entries = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    for node in list(program.graph.nodes):
        if node.name in entries and node.name not in used:
            program.graph.erase_node(node)
            program.state_dict.pop(entries[node.name], None)
    left = {node.name for node in program.graph.nodes}
    signature.input_specs[:] = [spec for spec in signature.input_specs if getattr(spec.arg, "name", None) in left]
    program.graph_module.recompile()


def _save(program: ExportedProgram, graph: _Graph, path: Path, form: Format) -> None:
    if form == "torch-export":
        contents = io.BytesIO()  # torch ends the process where its own writer finds the disk full
        torch.export.save(program, contents)
        path.write_bytes(contents.getbuffer())
        return
    exported = torch.onnx.export(
        program,
        (),
        dynamo=True,
        verbose=False,
        opset_version=_OPSET,
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamic_shapes=tuple({0: graph.axis} for _ in graph.inputs),
    )
    assert exported is not None
    exported.save(path, external_data=False)


def _describe(graph: _Graph) -> dict[str, Any]:
    """Names, shapes and meanings of what goes in and comes out."""

    def shapes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        return {
            name: {
                "shape": [graph.axis, *tensor.shape[1:]],
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "meaning": _MEANINGS[name],
            }
            for name, tensor in tensors.items()
        }

    outputs = dict(zip(graph.outputs, graph.module(*graph.inputs.values()), strict=True))
    return {"inputs": shapes(graph.inputs), "outputs": shapes(outputs)}


def _given(masks: Masks) -> tuple[Tensor, ...]:
    """What the network has heads for, in the order of ``Masks``."""
    return tuple(logits for logits in masks if logits is not None)


def _stack(memory: Sequence[KeysValues]) -> Tensor:
    """Float ``(N, layers, 2, heads, M, width / heads)``."""
    return torch.stack([torch.stack((layer.keys, layer.values), dim=1) for layer in memory], dim=1)


def _unstack(memory: Tensor) -> list[KeysValues]:
    return [KeysValues(*layer.unbind(1)) for layer in memory.unbind(1)]


def _need_onnx() -> None:
    for package in ("onnx", "onnxscript"):
        try:
            import_module(package)
        except ModuleNotFoundError as error:
            raise PackageError.of(error.name, "export") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of its own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
