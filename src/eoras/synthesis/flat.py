"""Flat scenes: cards of regular shapes that pass one behind another before a wall, with exact amodal truth."""

import colorsys
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

from eoras.errors import DataError
from eoras.synthesis.write import AnnotatedVideo, Camera, rotation_matrices, write_instance_list, write_video

__all__ = ["SHAPES", "flat_video", "write_flat_dataset"]

SHAPES = ("ellipse", "rectangle", "triangle", "hexagon", "star", "cross", "gear")
PATTERNS = ("plain", "stripes", "checks", "dots", "rings")

_SPLITS = ("train", "test")
_EYE_DISTANCE = 10.0  # of the camera from the middle of the cards' region, world units
_NEAREST, _FARTHEST, _WALL = 7.0, 13.0, 16.0  # distances from the camera's plane
_BEV_HEIGHT = 26.0  # high enough to see the cards that have left the main view
_DIRECTIONS = 4096  # resolution of a card's radius as a function of the direction


@dataclass(frozen=True, kw_only=True)
class _Surface:
    """Paint: a pattern of two colours, RGB in 0..255."""

    pattern: str
    frequency: float
    colours: tuple[np.ndarray, np.ndarray]

    def paint(self, points: np.ndarray) -> np.ndarray:
        """RGB, float64 ``(H, W, 3)``, at complex points of the surface."""
        x, y = points.real * self.frequency, points.imag * self.frequency
        waves = {
            "plain": lambda: np.full(points.shape, -1.0),
            "stripes": lambda: np.sin(x),
            "checks": lambda: np.sin(x) * np.sin(y),
            "dots": lambda: np.cos(x) + np.cos(y) - 0.8,
            "rings": lambda: np.sin(np.abs(points) * self.frequency),
        }
        share = np.clip(0.5 + 2 * waves[self.pattern](), 0, 1)[..., None]  # soft borders do not alias
        return self.colours[0] * (1 - share) + self.colours[1] * share


@dataclass(frozen=True, kw_only=True)
class _Card:
    """A flat shape, always parallel to the image plane.

    Planes are complex numbers: right + 1j * up, in world units.

    Attributes:
        shape: one of ``SHAPES``.
        corners: complex ``(V,)``, counter-clockwise about the card's centre; each is seen from there.
        positions: float ``(T, 3)`` of the centre; x right, y away from the camera, z up.
        angles: float ``(T,)``, radians counter-clockwise.
        surface: its paint.
    """

    shape: str
    corners: np.ndarray
    positions: np.ndarray
    angles: np.ndarray
    surface: _Surface

    @cached_property
    def _profile(self) -> tuple[np.ndarray, np.ndarray]:
        """Distance of the edge from the centre in each direction, and the cosine of the angle at which a ray meets it."""
        steps = np.linspace(0, 1, 32, endpoint=False)[:, None]
        edges = (self.corners * (1 - steps) + np.roll(self.corners, -1) * steps).T.ravel()
        directions = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
        radius = np.interp(directions, np.angle(edges), np.abs(edges), period=2 * np.pi)
        slope = (np.roll(radius, -1) - np.roll(radius, 1)) / (4 * np.pi / _DIRECTIONS)
        return radius, 1 / np.hypot(1, slope / radius)

    def depth_inside(self, points: np.ndarray) -> np.ndarray:
        """How far points lie inside the edge: about the distance near it, negative outside."""
        radius, cosine = self._profile
        direction = (np.angle(points) * (_DIRECTIONS / (2 * np.pi))).astype(int)  # negative ones count from the end
        return (radius[direction] - np.abs(points)) * cosine[direction]

    @property
    def quaternions(self) -> np.ndarray:
        """float ``(T, 4)``: the turn about the y axis, which points away from the camera."""
        zeros = np.zeros_like(self.angles)
        return np.stack([np.cos(self.angles / 2), zeros, -np.sin(self.angles / 2), zeros], axis=-1)

    def in_world(self, points: np.ndarray) -> np.ndarray:
        """Complex points ``(P,)`` of the card as float ``(T, P, 3)`` of the world."""
        local = np.stack([points.real, np.zeros(len(points)), points.imag], axis=-1)
        return local @ rotation_matrices(self.quaternions).swapaxes(-1, -2) + self.positions[:, None]

    @property
    def box_3d(self) -> np.ndarray:
        """float ``(T, 8, 3)``: corners of the oriented box, which has no thickness (formats A.3.1)."""
        x, z = self.corners.real, self.corners.imag
        ends = [complex(side, end) for side in (x.min(), x.max()) for _ in range(2) for end in (z.min(), z.max())]
        return self.in_world(np.array(ends))


def flat_video(
    seed: int, index: int = 0, *, split: Literal["train", "test"] = "train", size: tuple[int, int] = (128, 128), frames: int = 12
) -> AnnotatedVideo:
    """Make one video of four or five cards.

    Each card is one of a few regular shapes, so that what hides behind another can be told from what is seen. The
    same arguments give the same video; different videos share nothing but the shapes.

    Args:
        seed: of the whole set, at least 0.
        index: number of the video in its split.
        split: ``train`` or ``test``.
        size: rows and columns of the images, of both cameras.
        frames: number of frames.
    """
    rng = np.random.default_rng([seed, _SPLITS.index(split), index])
    camera = _main_camera(rng, size, frames)
    cards = _cards(rng, camera)
    wall = _surface(rng, hue=rng.uniform(), saturation=(0.08, 0.3), value=(0.4, 0.8), frequency=(0.7, 1.6), contrast=0.85)
    views = [_render(cards, wall, camera, t) for t in range(frames)]
    painted, visible, amodal, depth = (np.stack(part) for part in zip(*views, strict=True))
    bev_camera = _camera_above(size, frames)
    bev_frames, bev_amodal = _render_above(cards, bev_camera)
    return AnnotatedVideo(
        frames=painted,
        visible=visible,
        amodal=amodal.swapaxes(0, 1),
        depth=depth,
        camera=camera,
        bev_frames=bev_frames,
        bev_amodal=bev_amodal,
        bev_camera=bev_camera,
        boxes_3d=np.stack([card.box_3d for card in cards]),
        instances=tuple(_describe(card, camera) for card in cards),
        metadata=_origin(seed, split, index),
    ).ordered()


def write_flat_dataset(
    out: Path,
    *,
    train_videos: int,
    test_videos: int,
    seed: int,
    size: tuple[int, int] = (128, 128),
    frames: int = 12,
    progress: bool = False,
) -> None:
    """Write ``out/train`` and ``out/test`` in the layout of MOVi. What an interrupted run has written is kept.

    Args:
        out: the data folder.
        train_videos: number of videos in ``train``.
        test_videos: number of videos in ``test``.
        seed: of the set, at least 0.
        size: rows and columns of the images.
        frames: of each video.
        progress: whether to show a progress bar.

    Raises:
        DataError: ``out`` holds videos that were made with other arguments.
        RunError: the disk is full, or ``out`` cannot be written.
    """
    counts = {"train": train_videos, "test": test_videos}
    jobs = [(split, index) for split in _SPLITS for index in range(counts[split])]
    for split, index in tqdm(jobs, desc="flat scenes", unit="video", disable=not progress):
        folder = out / split / str(index)
        if folder.exists():
            _check_origin(folder, {**_origin(seed, split, index), "num_frames": frames, "height": size[0], "width": size[1]})
        else:
            write_video(folder, flat_video(seed, index, split=split, size=size, frames=frames))
    for split in _SPLITS:
        write_instance_list(out / split)


def _origin(seed: int, split: str, index: int) -> dict[str, Any]:
    """Where a video comes from, for its metadata."""
    return {"generator": "flat", "seed": seed, "split": split, "index": index, "background": "wall"}


def _check_origin(folder: Path, expected: dict[str, Any]) -> None:
    """Refuse a video that stands where another is wanted."""
    path = folder / "metadata.json"
    try:
        found = json.loads(path.read_text())["metadata"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected the metadata of a flat scene, found {error!r}; choose an empty folder") from error
    wrong = [f"{key} {found.get(key)!r}" for key, value in expected.items() if found.get(key) != value]
    if wrong:
        wanted = ", ".join(f"{key} {value!r}" for key, value in expected.items())
        raise DataError(f"{path}: expected {wanted}; found {', '.join(wrong)}; choose an empty folder")


def _main_camera(rng: np.random.Generator, size: tuple[int, int], frames: int) -> Camera:
    """Looks along world y from in front of the cards and slides a little."""
    time = np.linspace(-0.5, 0.5, frames)[:, None]
    slide = rng.uniform(-0.6, 0.6, 2) * time
    positions = np.stack([slide[:, 0], np.full(frames, -_EYE_DISTANCE), slide[:, 1] / 3], axis=-1)
    quaternions = np.tile([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0], (frames, 1))
    return Camera(height=size[0], width=size[1], positions=positions, quaternions=quaternions)


def _camera_above(size: tuple[int, int], frames: int) -> Camera:
    """Looks straight down; world x is right and world y is up in its image."""
    positions, quaternions = np.tile([0.0, 0.0, _BEV_HEIGHT], (frames, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    return Camera(height=size[0], width=size[1], positions=positions, quaternions=quaternions)


def _cards(rng: np.random.Generator, camera: Camera) -> list[_Card]:
    """Four or five cards, the nearest first."""
    count = int(rng.integers(4, 6))
    gap = (_FARTHEST - _NEAREST) / count
    hues = rng.uniform() + rng.permutation(count) / count
    return [_card(rng, camera, _NEAREST + gap * (place + 0.5), gap, hue) for place, hue in enumerate(hues)]


def _card(rng: np.random.Generator, camera: Camera, distance: float, gap: float, hue: float) -> _Card:
    """A card that crosses the middle of the view at some time, at about the given distance."""
    frames = len(camera.positions)
    time = np.linspace(0, 1, frames) - rng.uniform(0.15, 0.85)
    away = distance + gap * rng.uniform(-0.35, 0.35) * np.cos(np.pi * time)
    half_width, half_height = distance / (2 * abs(camera.intrinsics[[0, 1], [0, 1]]))
    speed, heading = rng.uniform(0.3, 1.7), rng.choice([0, np.pi]) + rng.normal(0, 0.35)
    x = half_width * (rng.uniform(-0.3, 0.3) + speed * np.cos(heading) * time)
    z = half_height * (rng.uniform(-0.3, 0.3) + speed * np.sin(heading) * time + rng.uniform(-0.1, 0.1) * np.sin(4 * time))
    shape = str(rng.choice(SHAPES))
    radius = min(half_width, half_height) * rng.uniform(0.3, 0.55)
    stretch = complex(rng.uniform(0.65, 1), 1)
    corners = _corners(shape) * radius
    return _Card(
        shape=shape,
        corners=corners.real * stretch.real + 1j * corners.imag,
        positions=np.stack([x, away - _EYE_DISTANCE, z], axis=-1),
        angles=rng.uniform(-np.pi, np.pi) + rng.uniform(-0.6, 0.6) * time,
        surface=_surface(rng, hue, saturation=(0.55, 0.95), value=(0.65, 1.0), frequency=(4, 8), contrast=0.6),
    )


def _corners(shape: str) -> np.ndarray:
    """Complex corners of a regular shape of radius 1: a motif, turned about the centre."""
    tooth = np.exp(1j * np.pi / 7 * np.array([-0.55, -0.4, 0.4, 0.55])) * [0.75, 1, 1, 0.75]
    motif, times = {
        "ellipse": ([1], 90),
        "rectangle": ([1 + 1j], 4),
        "triangle": ([1], 3),
        "hexagon": ([1], 6),
        "star": ([1, 0.42 * np.exp(1j * np.pi / 5)], 5),
        "cross": ([1 - 0.36j, 1 + 0.36j, 0.36 + 0.36j], 4),
        "gear": (tooth, 7),
    }[shape]
    corners = np.outer(np.exp(2j * np.pi * np.arange(times) / times), motif).ravel()
    return corners / np.abs(corners).max()


def _surface(
    rng: np.random.Generator,
    hue: float,
    saturation: tuple[float, float],
    value: tuple[float, float],
    frequency: tuple[float, float],
    contrast: float,
) -> _Surface:
    """Random paint about a hue; the second colour is the first one darkened to ``contrast``."""
    colour = 255 * np.array(colorsys.hsv_to_rgb(hue % 1, rng.uniform(*saturation), rng.uniform(*value)))
    return _Surface(pattern=str(rng.choice(PATTERNS)), frequency=rng.uniform(*frequency), colours=(colour, contrast * colour))


def _render(
    cards: Sequence[_Card], wall: _Surface, camera: Camera, t: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One frame, its visible labels, its amodal masks ``(N, H, W)`` and its depth, painted from far to near.

    Colours blend at the edges; labels and depth are those of the pixels' centres.
    """
    rays = _rays(camera)
    pixels_at_1 = camera.intrinsics[0, 0] * camera.width
    eye_x, eye_y, eye_z = camera.positions[t]
    eye = complex(eye_x, eye_z)
    painted = wall.paint(rays * _WALL + eye)
    visible = np.zeros(rays.shape, np.uint8)
    amodal = np.empty((len(cards), *rays.shape), bool)
    depth = np.full(rays.shape, _WALL)
    for k in sorted(range(len(cards)), key=lambda k: -cards[k].positions[t, 1]):
        card = cards[k]
        x, y, z = card.positions[t]
        points = (rays * (y - eye_y) + eye - complex(x, z)) * np.exp(-1j * card.angles[t])
        inside = card.depth_inside(points)
        amodal[k] = inside > 0
        visible[amodal[k]] = k + 1
        depth[amodal[k]] = y - eye_y
        painted = _lay(painted, card.surface.paint(points), inside * pixels_at_1 / (y - eye_y))
    along_ray = depth * np.sqrt(1 + np.abs(rays) ** 2)
    return painted.round().astype(np.uint8), visible, amodal, along_ray.astype(np.float32)


def _rays(camera: Camera) -> np.ndarray:
    """Complex ``(H, W)``: where the ray of each pixel's centre has got to, at distance 1 from the camera's plane."""
    u = (np.arange(camera.width) + 0.5) / camera.width
    v = (np.arange(camera.height) + 0.5) / camera.height
    fx, fy = abs(camera.intrinsics[[0, 1], [0, 1]])
    return (u - 0.5) / fx + 1j * ((0.5 - v) / fy)[:, None]


def _lay(under: np.ndarray, card: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Lay a card with a dark rim and a soft shadow over an image; ``inside`` is in pixels, positive within the edge."""
    silhouette = Image.fromarray(np.where(inside > 0, np.uint8(255), np.uint8(0)))
    shadow = np.asarray(silhouette.filter(ImageFilter.GaussianBlur(2.5)))[..., None] / 255
    cover = np.clip(inside + 0.5, 0, 1)[..., None]
    rim = np.clip(inside - 0.5, 0, 1)[..., None]
    return under * (1 - 0.6 * shadow) * (1 - cover) + card * (0.55 + 0.45 * rim) * cover


def _render_above(cards: Sequence[_Card], camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Frames ``(T, h, w, 3)`` and amodal masks ``(N, T, h, w)`` of the camera above, which sees cards almost edge-on."""
    size = (camera.width, camera.height)
    masks = np.empty((len(cards), len(camera.positions), camera.height, camera.width), bool)
    for k, card in enumerate(cards):
        corners = camera.project(card.in_world(card.corners)) * size - 0.5  # Pillow counts from pixel centres
        for t, polygon in enumerate(corners):
            image = Image.new("1", size)
            ImageDraw.Draw(image).polygon(polygon.ravel().tolist(), fill=1, outline=1)
            masks[k, t] = image
    frames = np.full((*masks.shape[1:], 3), 200, np.uint8)
    for t in range(len(frames)):
        # of parallel planes, the one nearest to the camera's own hides the others
        for k in sorted(range(len(cards)), key=lambda k: -abs(cards[k].positions[t, 1] - camera.positions[t, 1])):
            frames[t, masks[k, t]] = cards[k].surface.colours[0]
    return frames, masks


def _describe(card: _Card, camera: Camera) -> dict[str, Any]:
    """What metadata say of a card (formats A.3.4)."""
    return {
        "asset_id": card.shape,
        "shape": card.shape,
        "size": np.abs(card.corners).max(),
        "color": card.surface.colours[0] / 255,
        "material": card.surface.pattern,
        "positions": card.positions,
        "quaternions": card.quaternions,
        "image_positions": camera.project(card.positions),
    }
