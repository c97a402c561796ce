"""What the predictor answers: the network's masks, whole, one result a frame."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_videos import HEIGHT, WIDTH, moving, noise, toy_network

from eoras import AmodalPredictor
from eoras.config import ViewConfig
from eoras.data.crops import crop_frames, crop_masks
from eoras.data.places import window_intrinsics, windows_about
from eoras.errors import ConfigError, DataError
from eoras.geometry import Box, convert_intrinsics, enlarge, paste
from eoras.model.eoras import EoRaS
from eoras.prediction.camera import Camera
from eoras.prediction.result import FrameResult
from eoras.video import mp4_writer

CAMERA = [[50.0, 0.0, 28.0], [0.0, 50.0, 20.0], [0.0, 0.0, 1.0]]


def predictor(network: EoRaS | None = None, **options: int) -> AmodalPredictor:
    return AmodalPredictor(network or toy_network(), device="cpu", **options)  # type: ignore[arg-type]  # ints alone


def runs(frame: FrameResult) -> dict[int, tuple[str, bool]]:
    return {key: (item.amodal_rle.counts, item.hidden) for key, item in frame.objects.items()}


def box_around(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def test_convolutions_are_exact_where_the_setting_is_not_and_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    network, seen = toy_network(), list[bool]()
    network.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    predictor(network, window=7, overlap=3).predict(noise(7), moving(7), intrinsics=CAMERA)
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("visible_input", [False, True])
@pytest.mark.parametrize("view", [ViewConfig(), ViewConfig(boxes="round", intrinsics="unit", enlarge=1.5)])
def test_a_track_that_fits_one_clip_gets_exactly_what_the_network_answers(
    visible_input: bool, view: ViewConfig
) -> None:
    network = toy_network(visible_input=visible_input, view=view)
    frames, masks = noise(7), moving(7)
    result = predictor(network, window=7, overlap=3).predict(frames, masks, intrinsics=CAMERA, union=False)

    size = (HEIGHT, WIDTH)
    assert view.intrinsics != "crop"
    boxes = [enlarge(box_around(mask), view.enlarge, *size, view.boxes) for mask in masks]
    intrinsics = convert_intrinsics(torch.tensor(CAMERA, dtype=torch.float64), "pixel", view.intrinsics, *size)
    visible = crop_masks(list(torch.from_numpy(masks)), boxes)[None]
    with torch.no_grad():
        probability = (
            network(
                crop_frames(list(torch.from_numpy(frames).permute(0, 3, 1, 2)), boxes)[None],
                intrinsics.float().expand(1, 7, 3, 3),
                visible=visible if visible_input else None,
            )
            .amodal[0]
            .sigmoid()
        )
    for t, frame in enumerate(result):
        whole = paste(probability[t], boxes[t], *size, "strict").numpy()
        assert whole.sum() > 0
        np.testing.assert_array_equal(frame.amodal[1], whole)


def test_amodal_masks_contain_the_visible_ones_unless_told_otherwise() -> None:
    frames, masks = noise(4), moving(4)
    alone = predictor().predict(frames, masks, union=False)
    united = predictor().predict(frames, masks)
    assert any((masks[t] & ~alone[t].amodal[1]).any() for t in range(4))
    for t in range(4):
        np.testing.assert_array_equal(united[t].amodal[1], alone[t].amodal[1] | masks[t])
        np.testing.assert_array_equal(united[t].visible[1], masks[t])
        np.testing.assert_array_equal(united[t].occluded[1], united[t].amodal[1] & ~masks[t])


def test_a_long_track_jumps_at_the_borders_of_clips_no_more_than_elsewhere() -> None:
    frames, masks = np.repeat(noise(1), 30, axis=0), np.repeat(moving(1), 30, axis=0)  # nothing moves

    def changed_pixels(window: int, overlap: int) -> np.ndarray:
        result = predictor(window=window, overlap=overlap).predict(frames, masks, union=False)
        shown = np.stack([frame.amodal[1] for frame in result])
        return (shown[1:] ^ shown[:-1]).sum((1, 2))

    whole, blended, cut = changed_pixels(30, 0), changed_pixels(10, 5), changed_pixels(10, 0)
    middle = slice(8, 21)  # away from both ends of the track
    assert blended.max() <= whole.max()
    assert 2 * blended[middle].max() <= cut[middle].max()


def test_a_gap_is_bridged_and_marked_and_nothing_is_before_the_first_and_after_the_last_visible_frame() -> None:
    masks = moving(12, hidden=range(5, 8), begin=2, end=10)
    result = predictor().predict(noise(12), masks)
    assert [t for t in range(12) if result[t].objects] == list(range(2, 10))
    assert [t for t in range(2, 10) if result[t].objects[1].hidden] == [5, 6, 7]
    assert not result[6].visible[1].any()
    assert result[6].amodal[1].any()
    assert result[6].objects[1].occlusion_rate == 1.0
    assert result[6].objects[1].visible_rle is None


def test_an_object_hidden_in_a_gap_is_looked_for_between_its_neighbours() -> None:
    masks = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
    masks[0, 4:10, 4:10] = True
    masks[2, 24:30, 40:46] = True
    middle = predictor().predict(noise(3), masks)[1].objects[1].box
    assert middle is not None
    between = enlarge(Box(14, 22, 20, 28), 2.0, HEIGHT, WIDTH, "paper")
    assert middle.top >= between.top
    assert middle.bottom <= between.bottom
    assert middle.left >= between.left
    assert middle.right <= between.right


def test_each_object_of_several_gets_what_it_gets_alone() -> None:
    one, two = moving(20), np.roll(moving(20, begin=6, end=15), 15, axis=1)
    both = predictor(window=8, overlap=2, batch_size=2).predict(noise(20), {1: one, 7: two})
    for key, masks in {1: one, 7: two}.items():
        alone = predictor(window=8, overlap=2).predict(noise(20), {key: masks})
        assert [frame.objects.get(key) for frame in both] == [frame.objects.get(key) for frame in alone]
    assert both.object_ids == [1, 7]


def test_a_part_of_a_video_keeps_its_frame_numbers() -> None:
    masks = moving(20, begin=3)
    part = predictor().predict(noise(20), masks, start=8, end=12)
    cut = predictor().predict(noise(20)[8:12], masks[8:12])
    assert [frame.frame_index for frame in part] == [8, 9, 10, 11]
    assert [runs(frame) for frame in part] == [runs(frame) for frame in cut]
    assert part[8].frame_index == 8
    with pytest.raises(IndexError, match="there are frames 8 to 11"):
        part[3]


def test_slices_of_a_part_of_a_video_are_of_its_frame_numbers_too() -> None:
    part = predictor().predict(noise(20), moving(20), start=8, end=12)

    def numbers(frames: Iterable[FrameResult]) -> list[int]:
        return [frame.frame_index for frame in frames]

    assert numbers(part[9:11]) == [9, 10]
    assert numbers(part[:10]) == [8, 9]
    assert numbers(part[3:9]) == [8]
    assert numbers(part[10:99]) == [10, 11]
    assert numbers(part[-2:]) == [10, 11]
    assert numbers(part[-99:9]) == [8]
    assert numbers(part[::2]) == [8, 10]
    assert numbers(part[:]) == numbers(part) == numbers(reversed(part))[::-1]
    assert part[-1] == part[11]
    assert part[9] in part


def test_only_the_objects_that_are_asked_for_are_completed() -> None:
    masks = moving(5).astype(np.uint8)
    masks[:, 30:38, 5:20] = 4
    assert predictor().predict(noise(5), masks, objects=[4]).object_ids == [4]
    with pytest.raises(ConfigError, match="expected some of 1, 4, found 9"):
        predictor().predict(noise(5), masks, objects=[4, 9])


def test_a_stream_gives_what_the_whole_gives_with_the_stated_delay() -> None:
    masks, taken = moving(22, hidden=range(11, 14)), [0]
    model = predictor(window=8, overlap=4)

    def frames() -> Iterator[np.ndarray]:
        for frame in noise(22):
            taken[0] += 1
            yield frame

    whole = model.predict(noise(22), masks)
    index = -1
    for index, frame in enumerate(model.stream(frames(), masks)):
        assert taken[0] <= index + 1 + model.delay
        assert frame.frame_index == index
        assert runs(frame) == runs(whole[index])
    assert index == 21


@pytest.mark.parametrize("as_function", [False, True])
def test_masks_that_come_one_by_one_give_the_same_where_gaps_are_short(as_function: bool) -> None:
    masks = moving(22, hidden=range(11, 14), begin=2, end=19)
    model = predictor(window=8, overlap=4)
    given = (lambda t: masks[t]) if as_function else iter(masks)
    streamed = list(model.stream(iter(noise(22)), given, lookahead=4))
    assert [runs(frame) for frame in streamed] == [runs(frame) for frame in model.predict(noise(22), masks)]


@pytest.mark.parametrize("start", [0, 5])
def test_masks_that_a_function_gives_are_those_of_the_frames_that_are_looked_at(start: int) -> None:
    masks = moving(22, hidden=range(11, 14), begin=2, end=19)
    model = predictor(window=8, overlap=4)
    given = model.predict(noise(22), lambda t: masks[t], start=start)
    known = model.predict(noise(22), masks, start=start)
    assert [frame.frame_index for frame in given] == list(range(start, 22))
    assert [runs(frame) for frame in given] == [runs(frame) for frame in known]


def test_an_object_that_a_function_never_gives_is_told() -> None:
    masks = moving(5)
    with pytest.raises(ConfigError, match="expected some of 1, found 7"):
        predictor().predict(noise(5), lambda t: masks[t], objects=[7])
    with pytest.raises(DataError, match="expected frames from 9 on, found none"):
        predictor().predict(noise(5), lambda t: masks[t], objects=[7], start=9)


def test_an_object_that_is_away_for_longer_than_a_stream_waits_begins_anew() -> None:
    masks = moving(20, hidden=range(6, 12))
    streamed = list(predictor().stream(iter(noise(20)), iter(masks), lookahead=3))
    assert [t for t in range(20) if not streamed[t].objects] == list(range(6, 12))
    again = predictor().predict(noise(20)[12:], masks[12:])
    assert [runs(frame) for frame in streamed[12:]] == [runs(frame) for frame in again]


def test_frames_without_masks_of_their_own_have_no_objects() -> None:
    streamed = list(predictor().stream(iter(noise(6)), iter(moving(4))))
    assert [len(frame.objects) for frame in streamed] == [1, 1, 1, 1, 0, 0]


def test_an_object_of_one_pixel_is_completed() -> None:
    masks = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
    masks[:, -1, -1] = True
    result = predictor().predict(noise(3), masks)
    assert all(frame.amodal[1][-1, -1] for frame in result)


def test_masks_cannot_leave_the_part_that_the_network_sees() -> None:
    masks = moving(5)
    for t, frame in enumerate(predictor().predict(noise(5), masks)):
        outside = enlarge(box_around(masks[t]), 2.0, HEIGHT, WIDTH, "paper").clip(HEIGHT, WIDTH)
        rest = frame.amodal[1].copy()
        rest[outside.top : outside.bottom, outside.left : outside.right] = False
        assert not rest.any()


def test_the_camera_that_is_told_is_the_one_that_is_used() -> None:
    frames, masks = noise(4), moving(4)
    focal = WIDTH / 2 / np.tan(np.radians(30))
    same = [
        predictor().predict(frames, masks),
        predictor().predict(frames, masks, intrinsics=Camera(fov=60)),
        predictor().predict(frames, masks, intrinsics=Camera(focal=focal)),
        predictor().predict(frames, masks, intrinsics=[[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]),
    ]
    assert all([runs(a) for a in result] == [runs(b) for b in same[0]] for result in same)
    assert ["60 degrees" in " ".join(result.notes) for result in same] == [True, False, False, False]
    assert same[0].info["settings"]["camera"] == {"fov": 60.0, "assumed": True}


def test_a_network_without_a_birds_eye_view_ignores_the_camera_and_nothing_is_said_of_it() -> None:
    frames, masks = noise(4), moving(4)
    without = AmodalPredictor(toy_network(bev=False), device="cpu")
    assumed, told = without.predict(frames, masks), without.predict(frames, masks, intrinsics=Camera(fov=20))
    assert [runs(a) for a in assumed] == [runs(b) for b in told]
    assert not assumed.notes


def test_the_network_gets_the_camera_in_its_own_convention() -> None:
    network = toy_network(view=ViewConfig(intrinsics="unit"))
    shown: list[torch.Tensor] = []
    hook = network.register_forward_pre_hook(lambda _, arguments: shown.append(arguments[1]))
    predictor(network).predict(noise(2), moving(2), intrinsics=CAMERA)
    hook.remove()
    expected = [[50 / WIDTH, 0.0, 0.5], [0.0, 50 / HEIGHT, 0.5], [0.0, 0.0, 1.0]]
    torch.testing.assert_close(shown[0], torch.tensor(expected).expand(1, 2, 3, 3))


def test_a_camera_told_by_its_focal_length_knows_of_pixels_that_are_not_square(tmp_path: Path) -> None:
    with mp4_writer(tmp_path / "a.mp4", 10, pixel_ratio=2) as writer:
        for frame in noise(2):
            writer.write(frame)
    network = toy_network(view=ViewConfig(intrinsics="unit"))
    shown: list[torch.Tensor] = []
    hook = network.register_forward_pre_hook(lambda _, arguments: shown.append(arguments[1]))
    for camera in (Camera(focal=50), CAMERA):
        predictor(network).predict(tmp_path / "a.mp4", moving(2), intrinsics=camera)
    hook.remove()
    for intrinsics, focal in zip(shown, (100, 50), strict=True):
        expected = [[50 / WIDTH, 0.0, 0.5], [0.0, focal / HEIGHT, 0.5], [0.0, 0.0, 1.0]]
        torch.testing.assert_close(intrinsics, torch.tensor(expected).expand(1, 2, 3, 3))


@pytest.mark.parametrize(
    "matrix", [[[1, 0], [0, 1]], [[-5, 0, 3], [0, 5, 3], [0, 0, 1]], [[5, 0, 3], [0, 5, 3], [0, 0, 2]], "camera"]
)
def test_a_matrix_that_is_no_camera_is_refused(matrix: object) -> None:
    with pytest.raises(ConfigError, match="OpenCV"):
        predictor().predict(noise(2), moving(2), intrinsics=matrix)


def test_a_model_is_loaded_by_its_folder_and_named_in_the_result(tmp_path: Path) -> None:
    toy_network().save_pretrained(tmp_path / "net")
    loaded = AmodalPredictor.from_pretrained(tmp_path / "net", device="cpu", window=8, overlap=2)
    result = loaded.predict(noise(3), moving(3))
    assert result.info["model"] == str(tmp_path / "net")
    assert [runs(a) for a in result] == [runs(b) for b in predictor().predict(noise(3), moving(3))]


def test_the_model_that_comes_with_the_package_is_taken_when_none_is_named() -> None:
    frames, masks = noise(2), moving(2)
    answers = [AmodalPredictor.from_pretrained(*name, device="cpu") for name in ((), ("small",))]
    first, second = (each.predict(frames, masks) for each in answers)
    assert answers[0].name == "small"
    assert [runs(frame) for frame in first] == [runs(frame) for frame in second]


@pytest.mark.parametrize(("start", "end"), [(-1, None), (3, 3), (5, 2)])
def test_a_part_that_cannot_be_is_refused(start: int, end: int | None) -> None:
    with pytest.raises(ConfigError, match="frames count from 0"):
        predictor().predict(noise(4), moving(4), start=start, end=end)


def test_a_start_past_the_end_of_the_video_is_told() -> None:
    with pytest.raises(DataError, match="expected frames from 9 on, found none"):
        predictor().predict(noise(4), moving(12), start=9)


def test_windows_of_a_track_their_camera_the_times_and_the_confidence_reach_the_result() -> None:
    view = ViewConfig(windows="track", intrinsics="crop", boxes="round", frames="all")
    network = toy_network(view=view, temporal="clip", confidence=True, visible_input=True)
    frames, masks = noise(9)[2:], moving(7)
    size = (HEIGHT, WIDTH)
    boxes = windows_about([box_around(mask) for mask in masks], view, *size)
    matrix = torch.tensor(CAMERA, dtype=torch.float64)
    with torch.no_grad():
        answer = network(
            crop_frames(list(torch.from_numpy(frames).permute(0, 3, 1, 2)), boxes)[None],
            window_intrinsics(matrix, "pixel", boxes, view, *size)[None],
            visible=crop_masks(list(torch.from_numpy(masks)), boxes)[None],
            times=torch.arange(7)[None],
        )
    result = predictor(network, window=7, overlap=3).predict(frames, masks, intrinsics=CAMERA, union=False)
    for t, frame in enumerate(result):
        whole = paste(answer.amodal[0, t].sigmoid(), boxes[t], *size, "strict").numpy()
        np.testing.assert_array_equal(frame.amodal[1], whole)
        assert frame.objects[1].confidence == pytest.approx(answer.confidence[0, t].sigmoid().item(), abs=1e-4)


def test_a_camera_may_fill_one_array_again_and_again() -> None:
    def camera() -> Iterator[np.ndarray]:
        buffer = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        for frame in noise(8):
            buffer[:] = frame
            yield buffer

    for lookahead in (0, 3):
        fresh, filled = (
            [runs(frame) for frame in predictor().stream(frames, iter(moving(8)), lookahead=lookahead)]
            for frames in (iter(noise(8)), camera())
        )
        assert filled == fresh


def test_a_network_that_is_being_trained_answers_as_one_that_is_not_and_goes_on_training() -> None:
    network = deepcopy(toy_network())
    model = predictor(network, window=4, overlap=1)
    expected = [runs(frame) for frame in model.predict(noise(5), moving(5))]
    before = deepcopy(network.state_dict())
    network.train()
    network.backbone.norm1.eval()  # as a training does that leaves the backbone as it is
    for frames in (model.predict(noise(5), moving(5)), model.stream(iter(noise(5)), moving(5))):
        assert [runs(frame) for frame in frames] == expected
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    modes = {name: module.training for name, module in network.named_modules()}
    assert not modes.pop("backbone.norm1")
    assert all(modes.values())


def test_a_result_tells_the_weights_that_made_it() -> None:
    network = deepcopy(toy_network())
    model = predictor(network)
    first, again = (model.predict(noise(2), moving(2)).info["weights"] for _ in range(2))
    with torch.no_grad():
        network.slots[0, 0] += 1
    assert first == again != model.predict(noise(2), moving(2)).info["weights"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, "float16"])
def test_a_precision_that_is_not_known_is_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError, match=rf"dtype: expected 'float32' or 'bfloat16', found '?{dtype}"):
        AmodalPredictor(toy_network(), device="cpu", dtype=dtype)


@pytest.mark.parametrize("live", [False, True])
def test_a_stream_says_what_a_user_should_know(live: bool) -> None:
    masks, notes = moving(6), list[str]()
    streamed = predictor().stream(iter(noise(3)), iter(masks) if live else masks, say=notes.append)
    assert len(list(streamed)) == 3
    assert notes[0].startswith("no camera is given; one that sees 60 degrees")
    assert (notes[1:] == []) if live else notes[1].startswith("the video has 3 frames, the masks have 6")
