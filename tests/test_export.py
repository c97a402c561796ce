"""Exported graphs, walked through in numpy, answer as the network does."""

import json
import resource
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from eoras.cli import main
from eoras.config import ModelConfig
from eoras.errors import RunError
from eoras.export import Format, export_network
from eoras.model.eoras import EoRaS
from eoras.model.heads import MaskHead, SkipHead

Run = Callable[[Mapping[str, Any]], dict[str, Any]]
Clip = dict[str, torch.Tensor]

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "run_onnx.py"
SMALLEST = ModelConfig(
    backbone_width=16,
    backbone_depths=(1, 1, 1, 1),
    pyramid_channels=16,
    bev_channels=(8,),
    width=16,
    feedforward=24,
    num_slots=3,
    num_layers=1,
    num_heads=2,
)


def a_network(**changes: Any) -> EoRaS:
    """The smallest network with changes, whose answers are neither all one nor all zero."""
    torch.manual_seed(0)
    network = EoRaS(replace(SMALLEST, **changes))
    (clip,) = inputs(network, [3])
    with torch.no_grad():
        network(**clip)  # its batch normalisations have now seen some images
        logits = network.eval()(**clip).amodal
        head = network.heads["amodal"]
        assert isinstance(head, MaskHead | SkipHead)
        last = head.deconv3 if isinstance(head, MaskHead) else head.to_logits
        last.get_parameter("bias").sub_(logits.median()).mul_(2 / logits.std())
        last.weight.mul_(2 / logits.std())
    return network


def inputs(network: EoRaS, lengths: Sequence[int]) -> list[Clip]:
    """Clips of one track each, at random; every other frame of their videos."""
    made = []
    for length in lengths:
        camera = torch.tensor([[1.1, 0.0, -0.5], [0.0, -1.1, -0.5], [0.0, 0.0, -1.0]]).repeat(1, length, 1, 1)
        camera[..., :2, :2] *= 1 + 0.2 * torch.rand(1, length, 1, 1)
        seen = {"visible": (torch.rand(1, length, 121, 121) > 0.5).float()} if network.config.visible_input else {}
        times = 2 * torch.arange(length)[None]
        made.append({"frames": torch.rand(1, length, 3, 128, 128), "intrinsics": camera, "times": times, **seen})
    return made


def runs(folder: Path, graph: Mapping[str, Any]) -> Run:
    """A graph as a function of arrays by name."""
    path = folder / graph["file"]
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        return lambda arrays: dict(
            zip(graph["outputs"], session.run(None, {name: arrays[name] for name in graph["inputs"]}), strict=True)
        )
    program = torch.export.load(path).module()

    def run(arrays: Mapping[str, Any]) -> dict[str, Any]:
        answers = program(*(torch.from_numpy(arrays[name].copy()) for name in graph["inputs"]))
        return {name: answer.numpy() for name, answer in zip(graph["outputs"], answers, strict=True)}

    return run


def walk(folder: Path, clip: Clip) -> dict[str, NDArray[np.float32]]:
    """Logits of each head of an exported network."""
    about = json.loads((folder / "graphs.json").read_text())
    encode, step, decode = (runs(folder, about["graphs"][name]) for name in ("encode", "step", "decode"))
    found = encode({name: value[0].numpy() for name, value in clip.items()})
    memories = {name: value for name, value in found.items() if name.endswith("memory")}
    count, first = len(found["front"]), np.load(folder / "slots.npy")
    if about["model"]["temporal"] == "clip":
        slots = step({"slots": np.stack([first] * count), **memories})["slots_after"]
        return decode({**found, "clip_slots": slots, "times": clip["times"][0].numpy()})
    slots, states = np.stack([first] * 2), []
    for number in range(count):
        read = [number, count - 1 - number]
        slots = step({"slots": slots, **{name: memory[read] for name, memory in memories.items()}})["slots_after"]
        states.append(slots)
    forth, back = np.stack(states, axis=1)
    return decode({**found, "forth": forth, "back": back[::-1]})


def furthest(network: EoRaS, folder: Path, lengths: Sequence[int] = (1, 2, 5)) -> float:
    """The largest difference in probability on random clips from PyTorch's answers, which float64 makes exact."""
    largest, exact = 0.0, deepcopy(network).double()
    for clip in inputs(network, lengths):
        with torch.inference_mode():
            masks = exact(**{name: x.double() if x.is_floating_point() else x for name, x in clip.items()})
        answers = walk(folder, clip)
        assert len(answers) == len(network.config.mask_heads) + network.config.confidence
        for name, logits in answers.items():
            expected = getattr(masks, name.removesuffix("_logits"))[0].sigmoid()
            difference = torch.from_numpy(logits).sigmoid() - expected
            largest = max(largest, float(difference.abs().max()))
        assert 0.1 < masks.amodal.sigmoid().std() < 0.5
    return largest


PUBLISHED = {"bev_channels": (12, 8), "num_layers": 2, "camera_position": (0.0, -3.0, 2.0)}
LEARNED = {"position_code": "learned", "visible_input": True, "mask_heads": ("amodal", "visible", "occluded")}
TOGETHER = {
    "temporal": "clip",
    "decoder": "skip",
    "bev": False,
    "backbone": "lite0",
    "normalise": True,
    "confidence": True,
    "visible_input": True,
    "visible_skip": True,
}
KINDS = {"published": PUBLISHED, "learned": LEARNED, "together": TOGETHER}


@dataclass(frozen=True)
class Exported:
    network: EoRaS
    model: Path
    folder: Path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network with all options, as the command exports it to ONNX."""
    folder = tmp_path_factory.mktemp("exported")
    network = a_network(**LEARNED)
    network.save_pretrained(folder / "model")
    assert main(["export", str(folder / "model"), str(folder / "onnx")]) == 0
    return Exported(network, folder / "model", folder / "onnx")


def test_onnx_runtime_answers_as_pytorch_does_for_clips_of_any_length(exported: Exported) -> None:
    assert furthest(exported.network, exported.folder) < 1e-4


def test_a_program_of_torch_export_answers_as_the_network_does(tmp_path: Path) -> None:
    network = a_network(**PUBLISHED)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_network(network, tmp_path / "programs", "torch-export")
    assert furthest(network, tmp_path / "programs") < 1e-4
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.portable


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torch-export"])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_answers_as_the_network_does(tmp_path: Path, form: Format, half: bool, kind: str) -> None:
    network = a_network(**KINDS[kind])
    export_network(network, tmp_path / "graphs", form, half=half)
    assert furthest(network, tmp_path / "graphs") < (1e-2 if half else 1e-4)


def test_weights_stored_in_half_precision_take_half_the_room_and_change_little(tmp_path: Path) -> None:
    network = a_network()
    export_network(network, tmp_path / "half", "torch-export", half=True)
    stored = sum(
        value.numel() * value.element_size()
        for path in (tmp_path / "half").glob("*.pt2")
        for value in torch.export.load(path).state_dict.values()
        if value.dtype == torch.float16
    )
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert 1.9 * weights < stored < 2.1 * weights
    assert 0 < furthest(network, tmp_path / "half", [3]) < 1e-2


def test_the_description_names_what_goes_in_and_comes_out(exported: Exported) -> None:
    about = json.loads((exported.folder / "graphs.json").read_text())
    assert about["model"]["view"]["enlarge"] == 2.0
    for graph in about["graphs"].values():
        session = onnxruntime.InferenceSession(exported.folder / graph["file"])
        for described, real in ((graph["inputs"], session.get_inputs()), (graph["outputs"], session.get_outputs())):
            assert {name: item["shape"] for name, item in described.items()} == {x.name: x.shape for x in real}


def test_the_example_completes_an_object_without_torch(exported: Exported, tmp_path: Path) -> None:
    images, masks = write_a_track(tmp_path)
    words = [str(EXAMPLE), str(exported.folder), *(str(tmp_path / name) for name in ("frames", "masks", "out"))]
    without_torch = f"sys.modules['torch'] = None; sys.argv = {words}; runpy.run_path(sys.argv[0], run_name='__main__')"
    subprocess.run([sys.executable, "-c", f"import runpy, sys; {without_torch}"], check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "3.png"]
    example, kept = runpy.run_path(str(EXAMPLE)), [0, 1, 3]
    boxes = [example["box_around"](np.asarray(masks[frame]) > 0, 2.0) for frame in kept]
    assert boxes[0] == (0, 10, 55, 50)
    bilinear, nearest = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    places = dict(zip(kept, boxes, strict=True))
    frames = [np.asarray(images[frame].resize((128, 128), bilinear, box)) for frame, box in places.items()]
    seen = [np.asarray(masks[frame].resize((121, 121), nearest, box)) for frame, box in places.items()]
    cameras = [example["camera"]((90, 60), box, "kubric") for box in boxes]
    shown = torch.from_numpy(np.stack(frames)).movedim(-1, 1)[None] / 255
    with torch.inference_mode():
        logits = exported.network(
            shown, torch.from_numpy(np.stack(cameras)).float()[None], visible=torch.from_numpy(np.stack(seen))[None] > 0
        ).amodal[0]
    for (frame, (left, top, right, bottom)), window in zip(places.items(), logits.numpy(), strict=True):
        written = np.asarray(Image.open(tmp_path / "out" / f"{frame}.png")) > 0
        answer = Image.fromarray(window).resize((right - left, bottom - top), bilinear)
        expected = np.zeros((60, 90), dtype=bool)
        expected[top:bottom, left:right] = np.asarray(answer) > 0
        assert 0.1 < expected[top:bottom, left:right].mean() < 0.9
        assert (written != expected).mean() < 1e-3


def test_the_example_tells_a_network_that_looks_at_all_frames_where_in_the_video_they_lie(tmp_path: Path) -> None:
    write_a_track(tmp_path)
    told: dict[str, Any] = {}

    def load(path: Path, _: object) -> Run:
        def run(inputs: Mapping[str, Any]) -> dict[str, Any]:
            told[path.name] = inputs
            if path.name == "encode":
                return {"front": inputs["frames"], "front_memory": inputs["frames"]}
            return {"slots_after": inputs.get("slots"), "amodal_logits": np.zeros((3, 121, 121), dtype=np.float32)}

        return run

    graphs = {name: {"file": name, "inputs": {"frames": {}}, "outputs": {}} for name in ("encode", "step", "decode")}
    about = {"graphs": graphs, "model": {"temporal": "clip", "view": {"enlarge": 2.0, "intrinsics": "unit"}}}
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "graphs.json").write_text(json.dumps(about))
    np.save(tmp_path / "exported" / "slots.npy", np.zeros((3, 16), dtype=np.float32))
    complete = runpy.run_path(str(EXAMPLE))["main"]
    complete.__globals__["load"] = load
    complete(*(tmp_path / name for name in ("exported", "frames", "masks", "out")))
    assert told["decode"]["times"].dtype == np.int64
    assert told["decode"]["times"].tolist() == [0, 1, 3]  # nothing is seen in frame 2


def write_a_track(folder: Path) -> tuple[list[Image.Image], list[Image.Image]]:
    """Four frames and masks, the third mask empty."""
    random = np.random.default_rng(0)
    images = [Image.fromarray(random.integers(0, 256, (60, 90, 3), dtype=np.uint8)) for _ in range(4)]
    masks = []
    for frame in range(4):
        mask = np.zeros((60, 90), dtype=np.uint8)
        mask[20:40, 10 + 5 * frame : 40] = 255 * (frame != 2)
        masks.append(Image.fromarray(mask))
    for name, pictures in (("frames", images), ("masks", masks)):
        (folder / name).mkdir()
        for frame, picture in enumerate(pictures):
            picture.save(folder / name / f"{frame}.png")
    return images, masks


def test_an_existing_folder_is_left_alone(exported: Exported, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(exported.model), str(exported.folder)]) == 2
    assert "expected a new name" in capsys.readouterr().err


def test_a_disk_that_fills_up_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    network = a_network()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RunError, match="graphs: could not be written: the disk, or your share of it, is full"):
            export_network(network, tmp_path / "graphs", "torch-export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_cure_is_named(
    tmp_path: Path, exported: Exported, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export", str(exported.model), str(tmp_path / "graphs")]) == 2
    assert "pip install 'eoras[export]'" in capsys.readouterr().err
    assert not (tmp_path / "graphs").exists()
