"""Flat scenes: cards of regular shapes that pass one behind another before a wall, with exact amodal truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from eoras.movi_files import write_instance_list
from eoras.synthesis.video import AnnotatedVideo, Camera
from eoras.synthesis.write import write_video
from flat_scenes.cards import SHAPES, Card, Plane, Surface, corners_of, random_surface

__all__ = ["Split", "flat_video", "write_flat_dataset"]

Split = Literal["train", "test"]

_SPLITS: tuple[Split, ...] = ("train", "test")
_EYE_DISTANCE = 10.0  # of the main camera from the origin of the world, in world units as all that follow
_NEAREST, _FARTHEST, _WALL = 7.0, 13.0, 16.0  # distances of the cards and of the wall from the camera's plane
_BEV_HEIGHT = 26.0  # so high that cards which have left the main view are still seen


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
    wall = random_surface(
        rng, rng.uniform(), rng.uniform(0.08, 0.3), rng.uniform(0.4, 0.8), rng.uniform(0.7, 1.6), 0.85
    )
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
        metadata={"generator": "flat", "seed": seed, "index": index, "split": split},
    ).ordered()


def write_flat_dataset(
    out: Path,
    *,
    train_videos: int,
    test_videos: int,
    seed: int,
    size: tuple[int, int] = (128, 128),
    frames: int = 12,
) -> None:
    """Write ``out/train`` and ``out/test`` in the layout of MOVi.

    Args:
        out: the data folder.
        train_videos: number of videos in ``train``.
        test_videos: number of videos in ``test``.
        seed: of the set, at least 0.
        size: rows and columns of the images.
        frames: of each video.
    """
    counts: dict[Split, int] = {"train": train_videos, "test": test_videos}
    for split, count in counts.items():
        for index in range(count):
            write_video(out / split / str(index), flat_video(seed, index, split=split, size=size, frames=frames))
        write_instance_list(out / split)


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


def _cards(rng: np.random.Generator, camera: Camera) -> list[Card]:
    """Four or five cards of well separated depths and hues."""
    count = int(rng.integers(4, 6))
    gap = (_FARTHEST - _NEAREST) / count
    hues = rng.uniform() + rng.permutation(count) / count
    return [_card(rng, camera, _NEAREST + (place + 0.5) * gap, gap, hue) for place, hue in enumerate(hues)]


def _card(rng: np.random.Generator, camera: Camera, distance: float, gap: float, hue: float) -> Card:
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
    corners = corners_of(shape) * (_EYE_DISTANCE * half_view.min() * rng.uniform(0.27, 0.5))
    corners.real *= rng.uniform(0.65, 1)
    return Card(
        shape=shape,
        corners=corners,
        positions=np.stack([x, y, z], axis=-1),
        angles=rng.uniform(-np.pi, np.pi) + rng.uniform(-0.6, 0.6) * time,
        surface=random_surface(rng, hue, rng.uniform(0.55, 0.95), rng.uniform(0.65, 1), rng.uniform(4, 8), 0.6),
    )


def _render(
    cards: Sequence[Card], wall: Surface, camera: Camera, t: int
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


def _render_above(cards: Sequence[Card], camera: Camera) -> tuple[np.ndarray, np.ndarray]:
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


def _describe(card: Card, camera: Camera) -> dict[str, Any]:
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
