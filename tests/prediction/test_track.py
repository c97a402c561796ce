"""Clicks and boxes become masks: those of SAM 2 as ``transformers`` has it, in bounded memory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from toy_tracker import REACH, SIDE, save_toy_tracker
from toy_videos import HEIGHT, WIDTH, noise, toy_network
from transformers import Sam2VideoInferenceSession, Sam2VideoModel, logging

from eoras import AmodalPredictor, CheckpointError, ConfigError, DataError
from eoras.data.masks import Rle, decode
from eoras.errors import MemoryShortError, PackageError
from eoras.prediction import track
from eoras.prediction.footage import Footage
from eoras.prediction.prompts import DEFAULT_TRACKER, Prompt, Prompts
from eoras.prediction.track import track_objects
from eoras.prediction.tracker import Follower, load_tracker
from eoras.prediction.tracks import VideoTracks

LENGTH = 12
CLICK, BOX = Prompt(frame=7, click=(40, 10)), Prompt(frame=3, box=(8, 5, 30.5, 20))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracker") / "toy"
    save_toy_tracker(folder)
    return folder


def follow(weights: Path, *prompts: Prompt, video: Any = None, **options: Any) -> VideoTracks:
    frames = noise(LENGTH) if video is None else video
    return track_objects(frames, Prompts(prompts, tracker=str(weights)), **options)


def areas(tracks: VideoTracks, object_id: int) -> dict[int, int]:
    found = {t: tracks.tracks[object_id].mask(t, HEIGHT, WIDTH) for t in tracks.tracks[object_id].frames.tolist()}
    return {t: rle.area for t, rle in found.items() if rle is not None}


@torch.inference_mode()
def whole_video_masks(weights: Path, prompt: Prompt, backward: bool) -> dict[int, np.ndarray]:
    """What ``transformers`` answers when it holds all frames and forgets nothing: bool ``(H, W)`` by frame."""
    model = Sam2VideoModel.from_pretrained(weights).eval()
    images = torch.from_numpy(noise(LENGTH)).permute(0, 3, 1, 2)
    images = torch.nn.functional.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (images - mean[:, None, None]) / std[:, None, None]
    session = Sam2VideoInferenceSession(pixels, HEIGHT, WIDTH, dtype=torch.float32)
    corners = [prompt.click] if prompt.click else [prompt.numbers[:2], prompt.numbers[2:]]
    points = torch.tensor([[[(x * SIDE / WIDTH, y * SIDE / HEIGHT) for x, y in corners]]])
    labels = torch.tensor([[[1] if prompt.click else [2, 3]]], dtype=torch.int32)
    session.add_point_inputs(session.obj_id_to_idx(1), prompt.frame, {"point_coords": points, "point_labels": labels})
    session.obj_with_new_inputs = [1]
    masks: dict[int, np.ndarray] = {}
    for output in model.propagate_in_video_iterator(session, start_frame_idx=prompt.frame, reverse=backward):
        assert output.pred_masks is not None
        assert output.frame_idx is not None
        size = (HEIGHT, WIDTH)
        logits = torch.nn.functional.interpolate(output.pred_masks, size, mode="bilinear", align_corners=False)
        masks[output.frame_idx] = (logits[0, 0] > 0).numpy()
    return masks


def test_masks_are_those_of_a_session_that_holds_the_whole_video_and_forgets_nothing(weights: Path) -> None:
    tracks = follow(weights, CLICK, BOX)
    assert tracks.size == (HEIGHT, WIDTH)
    for object_id, prompt in ((1, CLICK), (2, BOX)):
        expected = whole_video_masks(weights, prompt, backward=True) | whole_video_masks(weights, prompt, False)
        assert sorted(expected) == list(range(LENGTH))
        assert len({mask.tobytes() for mask in expected.values()}) == LENGTH
        for t, mask in expected.items():
            found = tracks.tracks[object_id].mask(t, HEIGHT, WIDTH)
            assert found is not None
            np.testing.assert_array_equal(decode(found), mask)


def test_a_session_keeps_no_more_frames_than_it_looks_at_again(weights: Path) -> None:
    tracker = load_tracker(str(weights), "cpu")
    follower = tracker.follow({1: Prompt(frame=0, click=(20, 20))}, HEIGHT, WIDTH)[1]
    image = tracker.normalize(tracker.shrink(noise(1)[0]))

    def tensors(value: Any) -> list[int]:
        if isinstance(value, torch.Tensor):
            return [value.numel()]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        return [size for part in inner for size in tensors(part)]

    def held() -> tuple[int, int]:
        session = vars(follower._session)
        assert max(tensors(session["output_dict_per_obj"])) < SIDE * SIDE  # no mask as large as the image
        return sum(tensors(session) + tensors(vars(session["cache"]))), len(session["frames_tracked_per_obj"][0])

    def walk(indices: range) -> tuple[int, int]:
        for index in indices:
            follower.step(index, image)
        return held()

    assert walk(range(REACH + 1)) == walk(range(REACH + 1, 3 * REACH))


def test_a_film_is_walked_backward_in_parts(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = follow(weights, CLICK)
    asked: list[tuple[int, int | None]] = []
    frames = Footage.frames

    def record(self: Footage, start: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        asked.append((start, end))
        return frames(self, start, end)

    monkeypatch.setattr(Footage, "frames", record)
    monkeypatch.setattr(track, "_CHUNK", 3)
    assert areas(follow(weights, CLICK), 1) == areas(at_once, 1)
    assert asked == [(7, 8), (7, None), (4, 7), (1, 4), (0, 1)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, None, range(12)), (5, 9, range(5, 9)), (8, 10, range(7, 10)), (2, 5, range(2, 8))],
)
def test_no_frame_is_followed_that_is_not_needed(start: int, end: int | None, expected: range, weights: Path) -> None:
    tracks = follow(weights, CLICK, start=start, end=end)
    assert list(areas(tracks, 1)) == list(expected)


def test_a_predictor_takes_prompts_in_the_place_of_masks(weights: Path) -> None:
    prompts = Prompts((CLICK, BOX), tracker=str(weights))
    predictor = AmodalPredictor(toy_network(visible_input=True), device="cpu")
    result = predictor.predict(noise(LENGTH), prompts)
    masks = track_objects(noise(LENGTH), prompts)
    expected = predictor.predict(noise(LENGTH), masks)
    streamed = list(predictor.stream(noise(LENGTH), prompts))

    def runs(frames: Any) -> list[dict[int, tuple[Rle | None, Rle]]]:
        return [{key: (item.visible_rle, item.amodal_rle) for key, item in frame.objects.items()} for frame in frames]

    assert runs(result) == runs(expected) == runs(streamed)
    assert [sorted(frame) for frame in runs(result)] == [[1, 2]] * LENGTH
    assert result.info["settings"]["masks"] == {
        "tracker": str(weights),
        "prompts": ["click 7,40,10", "box 3,8,5,30.5,20"],
    }


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(frame=LENGTH, click=(1, 1)), "click 12,1,1: expected a frame of 12, found none; frames count from 0"),
        (Prompt(frame=0, click=(WIDTH, 1)), "click 0,56,1: expected pixels in an image of 56 columns and 40 rows"),
        (Prompt(frame=0, click=(1, -1)), "click 0,1,-1: expected pixels in an image"),
        (Prompt(frame=0, click=(1, HEIGHT)), "click 0,1,40: expected pixels in an image"),
        (Prompt(frame=0, box=(-1, 0, 9, 9)), "box 0,-1,0,9,9: expected pixels in an image"),
        (Prompt(frame=0, box=(0, 0, 9, HEIGHT + 1)), "box 0,0,0,9,41: expected pixels in an image"),
    ],
    ids=str,
)
def test_a_prompt_outside_the_video_is_told_before_anything_is_loaded(prompt: Prompt, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{message}"):
        follow(Path("nowhere"), BOX, prompt)


def test_prompts_at_the_borders_are_inside(weights: Path) -> None:
    corner = Prompt(frame=0, click=(WIDTH - 0.5, HEIGHT - 0.5))
    whole = Prompt(frame=0, box=(0, 0, WIDTH, HEIGHT))
    assert sorted(follow(weights, corner, whole, end=1).tracks) == [1, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frame": 0}, "expected a click or a box"),
        ({"frame": 0, "click": (1, 1), "box": (1, 1, 2, 2)}, "expected a click or a box"),
        ({"frame": -1, "click": (1, 1)}, "click -1,1,1: expected a frame from 0"),
        ({"frame": 0, "click": (float("nan"), 1)}, "click 0,nan,1: expected a frame from 0 and finite"),
        ({"frame": 0, "box": (9, 1, 9, 4)}, "box 0,9,1,9,4: expected left < right .* an empty box"),
        ({"frame": 0, "box": (1, 5, 9, 4)}, "box 0,1,5,9,4: expected left < right"),
    ],
)
def test_what_is_no_prompt_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        Prompt(**values)


def test_no_prompt_is_no_prompts() -> None:
    with pytest.raises(ConfigError, match="at least one click or box"):
        Prompts(())


def test_an_object_that_is_lost_at_once_is_told(tmp_path: Path) -> None:
    save_toy_tracker(tmp_path / "blind", sees=False)
    with pytest.raises(DataError, match=r"^click 7,40,10: the tracker finds no object there; click on the middle"):
        follow(tmp_path / "blind", CLICK)


def test_frames_that_come_once_cannot_be_tracked(weights: Path) -> None:
    with pytest.raises(DataError, match=r"^video: expected .* which can be read twice, found .*; make an array of it"):
        follow(weights, CLICK, video=iter(noise(LENGTH)))


def test_without_the_package_the_cure_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PackageError, match=r"^transformers is not installed; run: pip install 'eoras\[track\]'"):
        follow(weights, CLICK)


def test_without_the_weights_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(name: str, **_: object) -> str:
        raise OSError(f"no network for {name}")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    with pytest.raises(CheckpointError, match=rf"^tracker {DEFAULT_TRACKER}: no such folder.*no network.*; name a fol"):
        track_objects(noise(LENGTH), Prompts((CLICK,)))


def test_weights_of_the_hub_are_fetched(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def snapshot_download(name: str, **_: object) -> str:
        fetched.append(name)
        return str(weights)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    assert load_tracker(DEFAULT_TRACKER, "cpu").side == SIDE
    assert fetched == [DEFAULT_TRACKER]


def copy_without_weights(source: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_bytes((source / "config.json").read_bytes())
    return folder


def test_broken_weights_are_told(weights: Path, tmp_path: Path) -> None:
    folder = copy_without_weights(weights, tmp_path / "broken")
    with pytest.raises(CheckpointError, match=r"broken: expected model.safetensors beside config.json, found none"):
        load_tracker(str(folder), "cpu")
    (folder / "model.safetensors").write_bytes((weights / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"broken: damaged \(.*; download it again"):
        load_tracker(str(folder), "cpu")


def test_weights_that_lack_some_are_not_filled_up_at_random(weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy_without_weights(weights, tmp_path / "partial")
    entries = load_file(weights / "model.safetensors")
    del entries["no_object_pointer"]
    save_file(entries, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"partial: 1 weights are missing, such as no_object_pointer"):
        load_tracker(str(folder), "cpu")


def test_a_model_of_another_kind_is_told(tmp_path: Path) -> None:
    toy_network().save_pretrained(tmp_path / "net")
    with pytest.raises(CheckpointError, match=r"net: expected a model of type sam2_video, found none; name a folder"):
        load_tracker(str(tmp_path / "net"), "cpu")


def test_loading_is_quiet_and_leaves_the_settings_of_others_alone(
    weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_tracker(str(weights), "cpu")
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_too_little_memory_is_told_as_the_trackers_only_where_it_is(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Iterator[Any]:
        raise MemoryError("Unable to allocate 2 GiB")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(track, "_prompted_frames", lambda *_: {7: noise(LENGTH)[7]})
        patch.setattr(Footage, "frames", fail)
        with pytest.raises(MemoryError, match="Unable"):
            follow(weights, CLICK)
    monkeypatch.setattr(Follower, "step", lambda *_, **__: next(fail()))
    with pytest.raises(MemoryShortError) as caught:
        follow(weights, CLICK)
    assert str(caught.value) == (
        "cpu: its memory does not hold the tracker (Unable to allocate 2 GiB); choose a smaller one with --tracker"
    )


def test_whoever_is_told_of_each_frame_can_end_the_work(weights: Path) -> None:
    told: list[int] = []

    def tell(index: int) -> None:
        told.append(index)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(weights, CLICK, at_frame=tell)
    assert told == [7, 7, 8]
