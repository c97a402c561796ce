"""``python -m benchmarks.calibration PRESET``: how hard a preset is, beside what was published of its namesake."""

import argparse
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from eoras.evaluation.baselines import BASELINES
from eoras.evaluation.protocols import OCCLUSION_BINS
from eoras.evaluation.scores import Scores
from eoras.synthesis.annotate import annotate
from eoras.synthesis.compose import compose
from eoras.synthesis.scene import Scene
from eoras.synthesis.settings import SceneConfig, load_scene_config

# EoRaS, Tables 1 and 2, per cent, and how far a preset may lie from it: (answer, score): published, tolerance.
_PUBLISHED: dict[str, dict[tuple[str, str], tuple[float, float]]] = {
    "movi_b": {
        ("visible_mask", "miou_full"): (59.2, 2),
        ("convex_hull", "miou_full"): (64.2, 3),
        ("convex_hull", "miou_occ"): (18.4, 4),
    },
    "movi_d": {
        ("visible_mask", "miou_full"): (56.9, 2),
        ("convex_hull", "miou_full"): (60.2, 3),
        ("convex_hull", "miou_occ"): (16.5, 4),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", help="a shipped preset, or a YAML file")
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    options = parser.parse_args()
    config = load_scene_config(options.preset, options.set)
    scores = {name: Scores() for name in BASELINES}
    counts, hidden = [], 0
    for index in tqdm(range(options.videos), unit="video", disable=None):
        scene = compose(config, options.seed, index, "test")
        tracks = list(_seen_tracks(scene))
        counts.append(len(tracks))
        for track_id, (amodal, visible) in enumerate(tracks):
            hidden += _returns(visible)
            for name, part in scores.items():
                _add(part, name, str(index), track_id, amodal, visible)
    _report(config, scores, counts, hidden)


def _seen_tracks(scene: Scene) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Amodal and visible mask, bool ``(T, H, W)`` each, of each object that is seen at all."""
    truth = annotate(scene, bev=False)
    for k, amodal in enumerate(truth.amodal):
        visible = truth.visible == k + 1
        if visible.any():
            yield amodal, visible


def _returns(visible: np.ndarray) -> bool:
    """Whether an object is seen, then not, then again."""
    seen = np.flatnonzero(visible.any(axis=(1, 2)))
    return bool(np.any(np.diff(seen) > 1))


def _add(scores: Scores, answer: str, video: str, track_id: int, amodal: np.ndarray, visible: np.ndarray) -> None:
    frames = np.flatnonzero(visible.any(axis=(1, 2)))
    prediction = np.stack([BASELINES[answer](visible[t]) for t in frames])
    scores.update(amodal[frames], visible[frames], prediction, video=video, track_id=track_id, frame_indices=frames)


def _report(config: SceneConfig, scores: dict[str, Scores], counts: list[int], hidden: int) -> None:
    print(f"{config.name}: {len(counts)} videos, {sum(counts)} tracks, {hidden} of them hidden or away for a while")
    print(f"objects seen in a video: {np.mean(counts):.1f}, {min(counts)} to {max(counts)}")
    print(f"{'answer':14}{'score':12}{'measured':>9}{'published':>10}{'tolerance':>10}")
    paper = {name: part.compute("paper") for name, part in scores.items()}
    for name, score in [(name, score) for name in paper for score in ("miou_full", "miou_occ")]:
        measured = 100 * paper[name][score]
        published, tolerance = _PUBLISHED.get(config.name, {}).get((name, score), (None, None))
        verdict = "" if published is None else f"{published:10.1f}{tolerance:10.1f}"
        far = tolerance is not None and abs(measured - published) > tolerance
        print(f"{name:14}{score:12}{measured:9.1f}{verdict}{'  too far' if far else ''}")
    strict = scores["visible_mask"].compute("strict")
    shares = [strict["by_occlusion"][name]["frames"] / strict["frames"] for name in OCCLUSION_BINS[:-1]]
    print("hidden part, per cent:   " + "".join(f"{name:>8}" for name in OCCLUSION_BINS[:-1]))
    print("share of seen frames:    " + "".join(f"{share:8.0%}" for share in shares))


if __name__ == "__main__":
    main()
