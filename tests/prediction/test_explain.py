"""Figures show what really happened in the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eoras.cli import main
from eoras.clip import Clip
from eoras.config import ModelConfig
from eoras.geometry import Box
from eoras.model.eoras import EoRaS
from eoras.prediction.explain import explain
from eoras.prediction.recording import record

GOLDEN = Path(__file__).parents[1] / "golden" / "movi"
SMALLEST = ModelConfig(
    backbone_width=16,
    backbone_depths=(1, 1, 1, 1),
    pyramid_channels=16,
    bev_channels=(8,),
    width=16,
    feedforward=24,
    num_slots=3,
    num_layers=2,
    num_heads=2,
    dropout=0.0,
    visible_input=True,
)


def a_network(**changes: object) -> EoRaS:
    torch.manual_seed(0)
    return EoRaS(replace(SMALLEST, **changes)).eval()  # type: ignore[arg-type]  # the tests know the fields


def a_clip(length: int = 4) -> Clip:
    random = torch.Generator().manual_seed(1)
    visible = torch.zeros(length, 121, 121, dtype=torch.bool)
    visible[:, 30:80, 40:70] = True
    camera = torch.tensor([[1.09375, 0.0, -0.5], [0.0, -1.09375, -0.5], [0.0, 0.0, -1.0]])
    return Clip(
        video="5",
        track_id=2,
        frame_indices=torch.arange(length) + 3,
        boxes=(Box(0, 0, 50, 50),) * length,
        height=60,
        width=60,
        frames=torch.rand(length, 3, 128, 128, generator=random),
        intrinsics=camera.repeat(length, 1, 1),
        amodal=visible | visible.roll(10, dims=2),
        visible=visible,
        given=visible,
        available=torch.ones(length, dtype=torch.bool),
    )


def backwards(clip: Clip) -> Clip:
    """The same frames in the opposite order."""
    return replace(clip, **{name: getattr(clip, name).flip(0) for name in ("frames", "visible", "given", "amodal")})


def test_attention_is_a_share_of_what_there_is_to_read() -> None:
    heard = record(a_network(), a_clip())
    assert heard.directions == ("forward", "backward")
    assert heard.bev is not None
    for maps in (heard.front, heard.bev):
        assert maps.shape == (2, 4, 3, 16, 16)
        torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(2, 4, 3))
        assert maps.std() > 1e-5
    assert heard.rewriting.shape == (2, 4, 16, 16, 3)
    torch.testing.assert_close(heard.rewriting.sum(-1), torch.ones(2, 4, 16, 16))


def test_with_time_reversed_the_directions_change_places() -> None:
    network, clip = a_network(), a_clip()
    heard, reversed_ = record(network, clip), record(network, backwards(clip))
    for name in ("front", "bev", "rewriting"):
        torch.testing.assert_close(getattr(reversed_, name).flip(1)[[1, 0]], getattr(heard, name))
        assert (getattr(heard, name)[0] - getattr(heard, name)[1]).abs().max() > 1e-5


def test_listening_does_not_change_the_answer_and_ends() -> None:
    network, clip = a_network(), a_clip()
    heard = record(network, clip)
    with torch.inference_mode():
        masks = network(clip.frames[None], clip.intrinsics[None], visible=clip.given[None])
    torch.testing.assert_close(heard.masks.amodal, masks.amodal[0])
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_attention_is_what_the_layers_mix_their_values_with() -> None:
    network, clip = a_network(num_layers=1, num_heads=1), a_clip(1)
    values, mixed = {}, {}
    attention = network.slots_from_front.layers[0].cross_attention
    attention.out.register_forward_pre_hook(lambda _, arguments: mixed.update(of_slots=arguments[0]))
    network.slots_from_front.register_forward_pre_hook(
        lambda _, arguments: values.update(of_cells=arguments[2][0].values)
    )
    heard = record(network, clip)
    expected = heard.front[:, 0].flatten(-2) @ values["of_cells"][:, 0]
    torch.testing.assert_close(mixed["of_slots"], expected)


@pytest.mark.parametrize("bev", [True, False])
def test_slots_of_all_frames_together_are_one_direction(bev: bool) -> None:
    heard = record(a_network(temporal="clip", bev=bev), a_clip())
    assert heard.directions == ("together",)
    assert (heard.bev is not None) is bev
    torch.testing.assert_close(heard.front.sum((-2, -1)), torch.ones(1, 4, 3))
    torch.testing.assert_close(heard.rewriting.sum(-1), torch.ones(1, 4, 16, 16))


def test_what_was_rewritten_some_frames_at_a_time_is_recorded_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = record(a_network(temporal="clip"), a_clip())
    monkeypatch.setattr("eoras.model.eoras._REWRITTEN", 3)
    torch.testing.assert_close(record(a_network(temporal="clip"), a_clip()).rewriting, whole.rewriting)


def test_there_is_a_figure_for_each_step_of_the_method() -> None:
    figures = explain(a_network(), a_clip(10))
    assert list(figures) == ["crops", "lattice", "attention_forward", "attention_backward", "directions", "masks"]
    assert "48%" in figures["lattice"].get_suptitle()  # as the architecture's page says of MOVi's camera
    *_, from_above = figures["lattice"].axes
    shown = from_above.images[0].get_array()
    assert shown is not None
    grey = np.ptp(np.asarray(shown), axis=-1) == 0
    assert grey[-1].mean() > 0.9  # at the camera's feet there is hardly anything to see
    assert not grey[0].any()


def test_a_network_without_a_birds_eye_view_has_no_lattice() -> None:
    assert list(explain(a_network(bev=False, temporal="clip"), a_clip(1))) == [
        "crops",
        "attention_together",
        "directions",
        "masks",
    ]


def test_the_command_writes_the_figures(tmp_path: Path) -> None:
    a_network().save_pretrained(tmp_path / "model")
    words = ["explain", str(tmp_path / "model"), "--data", str(GOLDEN), "--out", str(tmp_path / "fig")]
    assert main([*words, "--track", "0-0"]) == 0
    pictures = sorted((tmp_path / "fig").iterdir())
    assert len(pictures) == 6
    for path in pictures:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 10


@pytest.mark.parametrize(
    ("track", "found"), [("0-99", "video 0 has the tracks 0, "), ("12", "found no video"), ("x-0", "found no video")]
)
def test_a_track_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], track: str, found: str
) -> None:
    a_network().save_pretrained(tmp_path / "model")
    assert main(["explain", str(tmp_path / "model"), "--data", str(GOLDEN), "--track", track]) == 2
    assert found in capsys.readouterr().err
