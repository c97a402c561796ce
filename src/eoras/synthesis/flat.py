"""Flat scenes: cards of regular shapes that pass one behind another before a wall, with exact amodal truth."""

import colorsys
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

from eoras.errors import DataError
from eoras.synthesis.write import AnnotatedVideo, Camera, rotation_matrices, write_instance_list, write_video

__all__ = ["SHAPES", "Split", "flat_video", "write_flat_dataset"]

Split = Literal["train", "test"]
Plane = NDArray[np.complex128]  # points of a plane parallel to the image's: right + 1j * up

SHAPES = ("ellipse", "rectangle", "triangle", "hexagon", "star", "cross", "gear")

_SPLITS: tuple[Split, ...] = ("train", "test")
_EYE_DISTANCE = 10.0  # of the main camera from the origin of the world, in world units as all that follow
_NEAREST, _FARTHEST, _WALL = 7.0, 13.0, 16.0  # distances of the cards and of the wall from the camera's plane
_BEV_HEIGHT = 26.0  # so high that cards which have left the main view are still seen
_DIRECTIONS = 4096  # in which a card's radius is tabulated
_WAVES: dict[str, Callable[[Plane], np.ndarray]] = {
    "plain": lambda points: np.full(points.shape, -1.0),
    "stripes": lambda points: np.sin(points.real),
    "checks": lambda points: np.sin(points.real) * np.sin(points.imag),
    "dots": lambda points: np.cos(points.real) + np.cos(points.imag) - 0.8,
    "rings": lambda points: np.sin(np.abs(points)),
}


@dataclass(frozen=True, kw_only=True)
class _Surface:
    """Paint: a pattern of two colours, each float32 RGB in 0..255."""

    pattern: str
    frequency: float
    colours: tuple[np.ndarray, np.ndarray]

    def paint(self, points: Plane) -> np.ndarray:
        """Float32 ``(H, W, 3)``, RGB in 0..255, at points of the surface."""
        share = np.clip(0.5 + 2 * _WAVES[self.pattern](points * self.frequency), 0, 1)  # soft, or it would alias
        return self.colours[0] + share.astype(np.float32)[..., None] * (self.colours[1] - self.colours[0])


@dataclass(frozen=True, kw_only=True)
class _Card:
    """A flat shape, always parallel to the image plane, in world units.

    Attributes:
        shape: one of ``SHAPES``.
        corners: complex ``(V,)``, counter-clockwise about the card's centre, from where all of the edge is seen.
        positions: float ``(T, 3)`` of the centre; x right, y away from the camera, z up.
        angles: float ``(T,)``, radians, counter-clockwise.
        surface: its paint.
    """

    shape: str
    corners: Plane
    positions: np.ndarray
    angles: np.ndarray
    surface: _Surface

    @cached_property
    def _edge(self) -> tuple[np.ndarray, np.ndarray]:
        """In each direction, the distance of the edge from the centre, and the cosine between ray and normal there."""
        steps = np.linspace(0, 1, 32, endpoint=False)[:, None]
        points = (self.corners * (1 - steps) + np.roll(self.corners, -1) * steps).ravel()
        directions = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
        radius = np.interp(directions, np.angle(points), np.abs(points), period=2 * np.pi)
        slope = (np.roll(radius, -1) - np.roll(radius, 1)) / (4 * np.pi / _DIRECTIONS)
        return radius, 1 / np.hypot(1, slope / radius)

    def inside(self, points: Plane) -> np.ndarray:
        """How far points are within the edge: negative outside, the distance wherever that is small."""
        radius, cosine = self._edge
        direction = (np.angle(points) * (_DIRECTIONS / (2 * np.pi))).astype(int)  # negative ones count from the end
        return (radius[direction] - np.abs(points)) * cosine[direction]

    @property
    def quaternions(self) -> np.ndarray:
        """Float ``(T, 4)``: the turn, about the y axis."""
        zeros = np.zeros_like(self.angles)
        return np.stack([np.cos(self.angles / 2), zeros, -np.sin(self.angles / 2), zeros], axis=-1)

    def in_world(self, points: Plane) -> np.ndarray:
        """Points ``(P,)`` of the card as float ``(T, P, 3)`` of the world."""
        local = np.stack([points.real, np.zeros(len(points)), points.imag], axis=-1)
        return local @ rotation_matrices(self.quaternions).swapaxes(-1, -2) + self.positions[:, None]

    @property
    def box_3d(self) -> np.ndarray:
        """Float ``(T, 8, 3)``: corners of the oriented box, which has no thickness (formats A.3.1)."""
        x, z = self.corners.real, self.corners.imag
        ends = [complex(side, end) for side in (x.min(), x.max()) for _ in "yy" for end in (z.min(), z.max())]
        return self.in_world(np.array(ends))


def flat_video(
    seed: int, index: int = 0, *, split: Split = "train", size: tuple[int, int] = (128, 128), frames: int = 12
) -> AnnotatedVideo:
    """Make a video of four or five cards.

    Each card has one of a few regular shapes, so that a network can learn to tell the hidden part from the seen one.
    The same arguments give the same video; different seeds, indices or splits share nothing but the shapes.

    Args:
        seed: of the whole set, at least 0.
        index: number of the video in its split, from 0.
        split: where the video belongs.
        size: rows and columns of the images, of both cameras.
        frames: number of frames.
    """
    rng = np.random.default_rng([seed, _SPLITS.index(split), index])
    camera, bev_camera = _main_camera(rng, size, frames), _camera_above(size, frames)
    cards = _cards(rng, camera)
    wall = _surface(rng, rng.uniform(), rng.uniform(0.08, 0.3), rng.uniform(0.4, 0.8), rng.uniform(0.7, 1.6), 0.85)
    views = [_render(cards, wall, camera, t) for t in range(frames)]
    painted, visible, amodal, depth = (np.stack(part) for part in zip(*views, strict=True))
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
        metadata=_origin(seed, index, split),
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
    """Write ``out/train`` and ``out/test`` in the layout of MOVi; videos that an earlier run has written stay.

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
    counts: dict[Split, int] = {"train": train_videos, "test": test_videos}
    jobs: list[tuple[Split, int]] = [(split, index) for split, count in counts.items() for index in range(count)]
    for split, index in tqdm(jobs, desc="flat scenes", unit="video", disable=not progress):
        folder = out / split / str(index)
        if folder.exists():
            shape = {"num_frames": frames, "height": size[0], "width": size[1]}
            _check_metadata(folder / "metadata.json", _origin(seed, index, split) | shape)
        else:
            write_video(folder, flat_video(seed, index, split=split, size=size, frames=frames))
    for split in counts:
        write_instance_list(out / split)


def _origin(seed: int, index: int, split: Split) -> dict[str, Any]:
    """What the metadata say of where a video comes from."""
    return {"generator": "flat", "seed": seed, "index": index, "split": split}


def _check_metadata(path: Path, expected: dict[str, Any]) -> None:
    """Refuse a video that stands where another is to be written."""
    try:
        metadata = json.loads(path.read_text())["metadata"]
        found = {key: metadata.get(key) for key in expected}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found = error
    if found != expected:
        raise DataError(f"{path}: expected a flat scene with {expected}, found {found!r}; choose another folder")


def _main_camera(rng: np.random.Generator, size: tuple[int, int], frames: int) -> Camera:
    """A camera that looks along the world's y axis and slides a little."""
    time = np.linspace(-0.5, 0.5, frames)
    x, z = rng.uniform(-0.6, 0.6) * time, rng.uniform(-0.2, 0.2) * time
    positions = np.stack([x, np.full(frames, -_EYE_DISTANCE), z], axis=-1)
    quaternions = np.tile(np.sqrt([0.5, 0.5, 0.0, 0.0]), (frames, 1))
    return Camera(height=size[0], width=size[1], positions=positions, quaternions=quaternions)


def _camera_above(size: tuple[int, int], frames: int) -> Camera:
    """A camera that looks straight down on the origin; the world's x is right and its y is up in the image."""
    positions, quaternions = np.tile([0.0, 0.0, _BEV_HEIGHT], (frames, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    return Camera(height=size[0], width=size[1], positions=positions, quaternions=quaternions)


def _cards(rng: np.random.Generator, camera: Camera) -> list[_Card]:
    """Four or five cards of well separated depths and hues."""
    count = int(rng.integers(4, 6))
    gap = (_FARTHEST - _NEAREST) / count
    hues = rng.uniform() + rng.permutation(count) / count
    return [_card(rng, camera, _NEAREST + (place + 0.5) * gap, gap, hue) for place, hue in enumerate(hues)]


def _card(rng: np.random.Generator, camera: Camera, distance: float, gap: float, hue: float) -> _Card:
    """A card that passes near the middle of the view at some time, at about the given distance."""
    time = np.linspace(0, 1, len(camera.positions)) - rng.uniform(0.15, 0.85)
    half_view = 1 / (2 * np.abs(camera.intrinsics[[0, 1], [0, 1]]))  # at distance 1
    half_width, half_height = distance * half_view
    speed, heading = rng.uniform(0.3, 1.7), rng.choice([0, np.pi]) + rng.normal(0, 0.35)
    x = half_width * (rng.uniform(-0.35, 0.35) + speed * np.cos(heading) * time)
    y = distance + gap * rng.uniform(-0.35, 0.35) * np.cos(np.pi * time) - _EYE_DISTANCE
    bend = rng.uniform(-0.1, 0.1) * np.sin(4 * time)
    z = half_height * (rng.uniform(-0.3, 0.3) + speed * np.sin(heading) * time + bend)
    shape = str(rng.choice(SHAPES))
    corners = _corners(shape) * (_EYE_DISTANCE * half_view.min() * rng.uniform(0.27, 0.5))
    corners.real *= rng.uniform(0.65, 1)
    return _Card(
        shape=shape,
        corners=corners,
        positions=np.stack([x, y, z], axis=-1),
        angles=rng.uniform(-np.pi, np.pi) + rng.uniform(-0.6, 0.6) * time,
        surface=_surface(rng, hue, rng.uniform(0.55, 0.95), rng.uniform(0.65, 1), rng.uniform(4, 8), 0.6),
    )


def _corners(shape: str) -> Plane:
    """The corners of a regular shape of radius 1: a motif, turned about the centre."""
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
    rng: np.random.Generator, hue: float, saturation: float, value: float, frequency: float, contrast: float
) -> _Surface:
    """Paint of a random pattern; its second colour is the first times ``contrast``."""
    colour = 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32)
    pattern = str(rng.choice(list(_WAVES)))
    return _Surface(pattern=pattern, frequency=frequency, colours=(colour, contrast * colour))


def _render(
    cards: Sequence[_Card], wall: _Surface, camera: Camera, t: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A frame, its visible labels, its amodal masks ``(N, H, W)`` and its depth, painted from far to near.

    Colours blend at the edges; labels and depth are those of the pixels' centres.
    """
    rays = _rays(camera)
    eye_x, eye_y, eye_z = camera.positions[t]
    painted = wall.paint(rays * _WALL + complex(eye_x, eye_z))
    visible = np.zeros(rays.shape, np.uint8)
    amodal = np.empty((len(cards), *rays.shape), bool)
    depth = np.full(rays.shape, _WALL)
    for k in sorted(range(len(cards)), key=lambda k: -cards[k].positions[t, 1]):
        x, y, z = cards[k].positions[t]
        points = (rays * (y - eye_y) + complex(eye_x - x, eye_z - z)) * np.exp(-1j * cards[k].angles[t])
        inside = cards[k].inside(points)
        amodal[k] = inside > 0
        visible[amodal[k]] = k + 1
        depth[amodal[k]] = y - eye_y
        pixels = camera.intrinsics[0, 0] * camera.width / (y - eye_y)  # of one world unit
        painted = _lay(painted, cards[k].surface.paint(points), (inside * pixels).astype(np.float32))
    along_ray = depth * np.sqrt(1 + np.abs(rays) ** 2)
    return painted.round().astype(np.uint8), visible, amodal, along_ray.astype(np.float32)


def _rays(camera: Camera) -> Plane:
    """The points ``(H, W)`` where the rays of the pixels' centres meet the plane at distance 1."""
    u = (np.arange(camera.width) + 0.5) / camera.width
    v = (np.arange(camera.height) + 0.5) / camera.height
    fx, fy = np.abs(camera.intrinsics[[0, 1], [0, 1]])
    return (u - 0.5) / fx + 1j * ((0.5 - v) / fy)[:, None]


def _lay(under: np.ndarray, card: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Lay a card with a dark rim and a soft shadow upon an image; ``inside`` is in pixels, negative off the card."""
    silhouette = Image.fromarray((inside > 0).astype(np.uint8) * 255)
    shadow = np.asarray(silhouette.filter(ImageFilter.GaussianBlur(2.5)), np.float32) / 255
    cover = np.clip(inside + 0.5, 0, 1)
    rim = np.clip(inside - 0.5, 0, 1)
    return under * ((1 - 0.6 * shadow) * (1 - cover))[..., None] + card * ((0.55 + 0.45 * rim) * cover)[..., None]


def _render_above(cards: Sequence[_Card], camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Frames ``(T, h, w, 3)`` and amodal masks ``(N, T, h, w)`` of a camera that sees the cards almost edge-on."""
    size = (camera.width, camera.height)
    masks = np.empty((len(cards), len(camera.positions), camera.height, camera.width), bool)
    for k, card in enumerate(cards):
        corners = camera.project(card.in_world(card.corners)) * size - 0.5  # Pillow counts from the pixels' centres
        for t, polygon in enumerate(corners):
            image = Image.new("1", size)
            ImageDraw.Draw(image).polygon(polygon.ravel().tolist(), fill=1)
            masks[k, t] = image
    frames = np.full((*masks.shape[1:], 3), 200, np.uint8)
    for t in range(len(frames)):
        # of parallel planes, the nearer one to the camera's own hides the farther
        for k in sorted(range(len(cards)), key=lambda k: -abs(cards[k].positions[t, 1] - camera.positions[t, 1])):
            frames[t, masks[k, t]] = cards[k].surface.colours[0]
    return frames, masks


def _describe(card: _Card, camera: Camera) -> dict[str, Any]:
    """What the metadata say of a card (formats A.3.4)."""
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
