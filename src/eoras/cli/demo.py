"""``eoras demo``: from made-up videos to a scored network and a picture, in 7 to 16 minutes on two cores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from eoras.cli.options import Device, choose_device, say

if TYPE_CHECKING:
    import torch

    from eoras.clip import Clip, Truth
    from eoras.data.movi import MoviTracks
    from eoras.draw import TrackPicture
    from eoras.evaluation.evaluate import Evaluation
    from eoras.model.eoras import EoRaS

__all__ = ["demo"]

_TRAIN_VIDEOS, _TEST_VIDEOS, _SEED = 34, 6, 0
_SETTINGS = (
    "model.visible_input=true",
    "training.epochs=2",
    "training.learning_rate=1e-3",
    "training.schedule=cosine",
    "training.warmup_steps=20",
    "training.gradient_clip=5",
    "training.dice_weight=1",
    "training.hidden_emphasis=1",
    "training.validation=none",
)
_FRAMES = "small is asked about hidden objects, too; the others, as published, where something is seen"
_ROWS = 6
_SEEN_ENOUGH = 0.4


def demo(
    *,
    out: Annotated[Path, Parameter(help="The folder for data, run, table and picture.")] = Path("demo"),
    device: Device = "auto",
) -> int:
    """Show what small answers for made-up videos, then train tiny and score both, in 7 to 16 minutes."""
    from eoras.config_files import load_config
    from eoras.data.movi import MoviTracks
    from eoras.evaluation.baselines import BASELINES
    from eoras.evaluation.evaluate import evaluate
    from eoras.evaluation.table import table
    from eoras.files import write_beside
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import SHIPPED
    from eoras.synthesis.generate import generate
    from eoras.synthesis.settings import load_scene_config
    from eoras.training.start import begin, resume

    where, data, run = choose_device(device), out / "data", out / "run"
    say(f"making {_TRAIN_VIDEOS} training and {_TEST_VIDEOS} test videos, preset movi_b (not the published data)")
    generate(
        data,
        [load_scene_config("movi_b")],
        train_videos=_TRAIN_VIDEOS,
        test_videos=_TEST_VIDEOS,
        seed=_SEED,
        workers=2,
        progress=True,
    )

    def judge(network: EoRaS, picture: Path, baselines: tuple[str, ...]) -> "Evaluation":
        tracks = MoviTracks(data, "test", network.config.view, truth=True)
        result = evaluate(network, tracks, device=where, baselines=baselines, num_workers=2, progress=True)
        _draw(network, tracks, data / "test", where, picture)
        return result

    say(f"scoring {SHIPPED}, the network that comes with eoras, on the test videos, and drawing what it answers")
    shipped = judge(EoRaS.from_pretrained(SHIPPED), out / "shipped.png", ())
    full, occluded = (100 * float(shipped.network["strict"][score] or 0) for score in ("miou_full", "miou_occ"))
    say(f"{SHIPPED}: {full:.2f} of whole objects, {occluded:.2f} of hidden parts (strict)")
    say(f"training the tiny network; watch {run / 'log.jsonl'}")
    going_on = (run / "config.yaml").exists()
    trainer = resume(run, where) if going_on else begin(run, load_config("tiny", _SETTINGS), data, where)
    if not trainer.train():
        say(f"interrupted and saved; go on with: eoras demo --out {out}")
        return 130
    say("scoring it, beside two baselines")
    trained = judge(EoRaS.from_pretrained(run), out / "contact_sheet.png", tuple(BASELINES))
    systems = {SHIPPED: shipped.network, "tiny": trained.network, **trained.baselines}
    text = f"{table(systems, list(trained.network))}\n\n{_FRAMES}\n{_verdict(trained)}"
    print(text)
    with write_beside(out / "table.txt") as path:
        path.write_text(text + "\n", encoding="utf-8")
    say(f"wrote {out / 'contact_sheet.png'} (of each test video what is most to complete), {out / 'table.txt'}, {run}")
    return 0


def _verdict(result: "Evaluation") -> str:
    """Whether the network does better than who completes nothing, and than who completes without knowledge."""
    lines = []
    for baseline, score, what in (
        ("visible_mask", "miou_full", "whole objects"),
        ("convex_hull", "miou_occ", "hidden parts"),
    ):
        ours, theirs = (100 * float(s["strict"][score] or 0) for s in (result.network, result.baselines[baseline]))
        verb = "beats" if ours > theirs else "does not beat"
        name = baseline.replace("_", " ")
        lines.append(f"the tiny network {verb} the {name} on {what} (strict {score}): {ours:.2f} against {theirs:.2f}")
    return "\n".join(lines)


def _draw(network: "EoRaS", tracks: "MoviTracks", folder: Path, device: "torch.device", path: Path) -> None:
    """Draw of each video the track with the most to complete, with the network's answers."""
    from eoras.draw import contact_sheet
    from eoras.files import write_beside

    chosen: dict[str, int] = {}
    to_complete = [_pixels_to_complete(tracks.truth_of(index).masks) for index in range(len(tracks))]
    for index in sorted(range(len(tracks)), key=to_complete.__getitem__, reverse=True):
        chosen.setdefault(tracks.tracks[index].video, index)
    pictures = [
        _picture(network, tracks[index], folder / video, device) for video, index in list(chosen.items())[:_ROWS]
    ]
    with write_beside(path) as beside:
        contact_sheet(pictures).save(beside, format="PNG")
    say(f"wrote {path}")


def _pixels_to_complete(truth: "Truth") -> int:
    """Hidden pixels over the clip; 0 where so much is hidden that nobody could tell what it is."""
    amodal, visible = int(truth.amodal.sum()), int(truth.visible.sum())
    return amodal - visible if visible > _SEEN_ENOUGH * amodal else 0


def _picture(network: "EoRaS", clip: "Clip", folder: Path, device: "torch.device") -> "TrackPicture":
    import torch

    from eoras.data.images import read_frame
    from eoras.draw import TrackPicture
    from eoras.evaluation.evaluate import answer
    from eoras.geometry import paste

    assert clip.truth is not None
    with torch.inference_mode():
        windows = answer(network, clip, device).probability
    pasted = [
        paste(window, box, clip.height, clip.width, "strict") for window, box in zip(windows, clip.boxes, strict=True)
    ]
    names = (f"rgba_full_{index:05d}.png" for index in clip.frame_indices.tolist())
    frames = torch.stack([read_frame(folder / name, clip.height, clip.width) for name in names])
    return TrackPicture(
        title=f"video {clip.video}, track {clip.track_id}",
        frame_indices=clip.frame_indices.tolist(),
        frames=frames.permute(0, 2, 3, 1).numpy(),
        visible=clip.truth.visible.numpy(),
        predicted=torch.stack(pasted).numpy(),
        amodal=clip.truth.amodal.numpy(),
    )
