"""Videos and masks that do not belong together, or are broken, and devices that are too small."""

import sys
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from toy_videos import HEIGHT, WIDTH, moving, noise, toy_network

from eoras import AmodalPredictor
from eoras.errors import DataError, RunError
from eoras.prediction.blending import Answer
from eoras.prediction.network import Asker, Question
from eoras.video import open_video


def predictor(*, visible_input: bool = False) -> AmodalPredictor:
    return AmodalPredictor(toy_network(visible_input=visible_input), device="cpu")


def test_masks_of_another_size_are_told_with_both_sizes() -> None:
    masks = np.ones((3, HEIGHT, WIDTH - 1), dtype=bool)
    message = f"masks: expected {HEIGHT} rows and {WIDTH} columns, as the video has, found {HEIGHT} and {WIDTH - 1}"
    with pytest.raises(DataError, match=message):
        predictor().predict(noise(3), masks)
    with pytest.raises(DataError, match=f"masks of frame 0, object 1: expected {HEIGHT} rows"):
        list(predictor().stream(iter(noise(3)), iter(masks)))


def test_masks_in_other_frames_alone_are_told() -> None:
    with pytest.raises(DataError, match="expected an object in the frames from 3 on, found 1 in others alone"):
        predictor().predict(noise(6), moving(6, end=3), start=3)


def test_more_masks_than_frames_are_left_out_and_fewer_are_told() -> None:
    more = predictor().predict(noise(5), moving(9))
    assert len(more) == 5
    assert "the video has 5 frames, the masks have 9; those past its end are left out" in more.notes
    fewer = predictor().predict(noise(9), moving(5))
    assert [bool(frame.objects) for frame in fewer] == [True] * 5 + [False] * 4
    assert "the masks end with frame 4, the video with frame 8; after that there are no objects" in fewer.notes
    assert len(predictor().predict(noise(5), moving(5)).notes) == 1  # of the camera


def test_an_image_of_masks_far_past_the_end_is_left_out_at_once(tmp_path: Path) -> None:
    for number, mask in {0: moving(1)[0], 2: moving(1)[0], 9_999_999: moving(1)[0]}.items():
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / f"{number:05d}.png")
    result = predictor().predict(noise(5), tmp_path)
    assert [bool(frame.objects) for frame in result] == [True] * 3 + [False] * 2
    assert "the video has 5 frames, the masks have 10000000; those past its end are left out" in result.notes


def test_how_masks_were_given_to_frames_is_told_where_it_may_be_wrong(tmp_path: Path) -> None:
    for number, mask in enumerate(moving(3), start=1):
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / f"{number:05d}.png")
    result = predictor().predict(noise(4), tmp_path)
    assert [bool(frame.objects) for frame in result] == [False, True, True, True]
    assert any("masks: their numbers are taken to count from 0" in note for note in result.notes)


def test_frames_of_different_sizes_are_told() -> None:
    frames = [np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8)]
    with pytest.raises(DataError, match="frame 1: expected 40 rows and 56 columns, as those before"):
        predictor().predict(frames, moving(2))


@pytest.mark.parametrize("frame", [np.zeros((HEIGHT, WIDTH, 3)), np.zeros((HEIGHT, WIDTH, 4), np.uint8), "frame"])
def test_frames_that_are_none_are_told(frame: object) -> None:
    with pytest.raises(DataError, match=r"frame 0: expected uint8 \(H, W, 3\), RGB"):
        predictor().predict([frame], moving(1))


def test_grey_frames_and_frames_turned_round_in_memory_will_do() -> None:
    frames = noise(3)
    frames[:] = frames[..., :1]
    grey = predictor().predict(frames[..., 0], moving(3))
    turned = predictor().predict(frames[:, :, ::-1].copy()[:, :, ::-1], moving(3))
    assert grey.frames == turned.frames == predictor().predict(frames, moving(3)).frames


def test_a_folder_with_other_files_in_it_is_a_video_all_the_same(tmp_path: Path) -> None:
    for t, frame in enumerate(noise(3)):
        Image.fromarray(frame).save(tmp_path / f"{t}.png")
    (tmp_path / "notes.txt").write_text("by hand")
    result = predictor().predict(tmp_path, moving(3))
    assert result.frames == predictor().predict(noise(3), moving(3)).frames
    assert any("1 files are no images" in note for note in result.notes)


def test_a_video_cut_short_is_processed_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "cut.mkv"), "w") as container:  # a container that can be read up to where it ends
        stream = container.add_stream("libx264", rate=10, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in noise(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    whole = (tmp_path / "cut.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 3 // 5])
    result = predictor().predict(tmp_path / "cut.mkv", moving(40))
    assert 5 < len(result) < 40
    assert all(frame.objects for frame in result)
    assert any("cut.mkv: only" in note for note in result.notes)


def test_masks_are_not_cut_and_numbered_by_a_number_of_frames_that_a_file_only_suggests(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mpg"), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in noise(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    video = open_video(tmp_path / "a.mpg")
    assert (video.num_frames or 30) < 30
    masks = moving(30)
    np.savez(tmp_path / "masks.npz", masks=masks)
    (tmp_path / "masks").mkdir()
    for number, mask in enumerate(masks, start=1):
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / "masks" / f"{number:05d}.png")
    for form in ("masks.npz", "masks"):
        result = predictor().predict(tmp_path / "a.mpg", tmp_path / form)
        assert all(np.array_equal(frame.visible[1], mask) for frame, mask in zip(result, masks, strict=True))
        assert len(result.notes) == 1  # of the camera


def test_boxes_alone_do_for_networks_that_take_no_masks(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("1,3,11,6,20,10\n4,3,13,7,20,10\n2,8,500,500,20,10\n")
    result = predictor().predict(noise(6), path)
    assert [sorted(frame.objects) for frame in result] == [[4], [4], [4], [4], [], []]
    assert [frame.objects[4].hidden for frame in result[:4]] == [False, True, True, False]
    first = result[0].objects[4]
    assert first.visible_rle is None
    assert first.occlusion_rate is None
    assert first.amodal.any()
    with pytest.raises(DataError, match="expected masks, which this network takes, found boxes alone"):
        predictor(visible_input=True).predict(noise(6), path)
    result.save(tmp_path / "out")
    assert not (tmp_path / "out" / "visible" / "3" / "00000.png").exists()


def question(length: int) -> Question:
    return Question(
        object_id=1,
        times=torch.arange(length),
        frames=torch.rand(length, 3, 128, 128),
        intrinsics=torch.eye(3).repeat(length, 1, 1),
        visible=torch.zeros(length, 121, 121, dtype=torch.bool),
    )


class Small(Asker):
    """A device that holds some clips at once."""

    room = 2
    error: Exception = torch.cuda.OutOfMemoryError("CUDA out of memory")

    def _call(self, questions: Sequence[Question]) -> list[Answer]:
        if len(questions) > self.room:
            raise self.error
        return super()._call(questions)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_out_of_memory_halves_the_clips_at_once_and_goes_on(error: Exception, said: list[str]) -> None:
    questions = [question(length) for length in (3, 2, 3, 4, 1)]
    alone = Asker(toy_network(), torch.device("cpu"), "float32", 1, said.append).ask(questions)
    asker = Small(toy_network(), torch.device("cpu"), "float32", 5, said.append)
    asker.error = error
    answers = asker.ask(questions)
    assert said == ["cpu: out of memory with 5 clips at once; going on with 2"]
    assert asker.batch_size == 2
    for answer, expected in zip(answers, alone, strict=True):
        torch.testing.assert_close(answer.probability, expected.probability, atol=1e-5, rtol=0)


def test_what_a_failed_call_has_made_is_given_back_before_the_next_one(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[object] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: held.append(sys.exception()))
    asker = Small(toy_network(), torch.device("cuda"), "float32", 4, said.append)
    monkeypatch.setattr(Asker, "_call", lambda _, questions: [None] * len(questions))
    assert len(asker.ask([question(1)] * 4)) == 4
    assert held == [None]  # given back once, when there was no error any more that holds tensors


def test_a_device_that_does_not_hold_one_clip_is_told(said: list[str]) -> None:
    asker = Small(toy_network(), torch.device("cpu"), "float32", 2, said.append)
    asker.room = 0
    with pytest.raises(RunError, match="its memory does not hold the network and one clip"):
        asker.ask([question(2), question(2)])


def test_another_error_of_the_network_is_not_taken_for_a_lack_of_memory(said: list[str]) -> None:
    asker = Small(toy_network(), torch.device("cpu"), "float32", 2, said.append)
    asker.room, asker.error = 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        asker.ask([question(2)])
    assert not said


def test_answers_that_are_no_numbers_are_told(said: list[str]) -> None:
    broken = question(2)
    broken.frames[0, 0, 0, 0] = torch.nan
    with pytest.raises(RunError, match="object 1: the network answers with NaN"):
        Asker(toy_network(), torch.device("cpu"), "float32", 1, said.append).ask([broken])
