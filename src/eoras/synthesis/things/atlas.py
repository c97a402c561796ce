"""The parts of a model file, and their textures and colours laid side by side in one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.errors import DataError, PackageError

__all__ = ["Part", "combined", "read_parts"]

_LARGEST_TEXTURE = 1024  # pixels a side; finer detail than any clip shows
_TILE = 512  # pixels a side of each of several textures
_SWATCH = 4  # pixels a side of a plain colour; blending with neighbours stays out of its middle
_GSO_TEXTURE = Path("materials", "textures", "texture.png")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Faces of one material.

    Attributes:
        points: float64 ``(V, 3)``.
        faces: int64 ``(F, 3)``.
        uv: float64 ``(F, 3, 2)``, of the corners of each face in the texture: u right, v up, repeating.
        texture: uint8 ``(h, w, 3)``, sRGB; None if the file does not say how the part looks.
    """

    points: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture: np.ndarray | None


def read_parts(path: Path) -> list[Part]:
    """What a model file holds.

    Raises:
        DataError: it cannot be read.
    """
    try:
        import trimesh
    except ModuleNotFoundError as error:
        raise PackageError.of(error.name, "synthesis") from error
    try:
        scene: Any = trimesh.load_scene(path, process=False)
        return [_part(item, path) for item in scene.dump() if isinstance(item, trimesh.Trimesh)]
    except Exception as error:  # trimesh and Pillow fail in many ways on damaged files
        raise DataError(f"{path}: expected a model that trimesh can read, found {error!r}; export it anew") from error


def combined(parts: list[Part]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Points, faces, uv and texture of all parts together; a texture that some lack is white there."""
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    points = np.concatenate([part.points for part in parts])
    faces = np.concatenate([part.faces + start for part, start in zip(parts, starts[:-1], strict=True)])
    if all(part.texture is None for part in parts):
        return points, faces, np.zeros((*faces.shape, 2)), None
    if len(parts) == 1 and parts[0].texture is not None:
        return points, faces, parts[0].uv, _shrunk(parts[0].texture, _LARGEST_TEXTURE)
    return points, faces, *_side_by_side(parts)


def _part(mesh: Any, path: Path) -> Part:
    visual, faces = mesh.visual, np.asarray(mesh.faces, np.int64)
    uv = np.zeros((*faces.shape, 2))
    texture = None
    if visual.kind in ("vertex", "face"):
        colours = np.asarray(mesh.visual.face_colors)[:, :3]
        uv, texture = _swatches(colours)
    elif visual.kind == "texture":
        simple = visual.material.to_simple() if hasattr(visual.material, "to_simple") else visual.material
        image = simple.image if simple.image is not None else _scanned_texture(path)
        if image is not None and visual.uv is not None:
            uv, texture = np.asarray(visual.uv, np.float64)[faces, :2], np.asarray(image.convert("RGB"))
        else:
            texture = np.full((1, 1, 3), simple.main_color[:3], np.uint8)
    return Part(points=np.asarray(mesh.vertices, np.float64), faces=faces, uv=uv, texture=texture)


def _scanned_texture(path: Path) -> Image.Image | None:
    """The texture where Google Scanned Objects have it: not where their material file says."""
    texture = path.parent.parent / _GSO_TEXTURE
    return Image.open(texture) if path.parent.name == "meshes" and texture.is_file() else None


def _swatches(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates ``(F, 3, 2)`` in a texture that has a small square for each different colour ``(F, 3)``."""
    coarse = colours // 8 * 8 + 4  # 32 steps a channel
    kinds, number = np.unique(coarse, axis=0, return_inverse=True)
    side = int(np.ceil(np.sqrt(len(kinds))))
    squares = np.zeros((side * side, 3), np.uint8)
    squares[: len(kinds)] = kinds
    texture = squares.reshape(side, side, 3).repeat(_SWATCH, 0).repeat(_SWATCH, 1)
    row, column = np.divmod(number.ravel(), side)
    middle = np.stack([(column + 0.5) / side, 1 - (row + 0.5) / side], axis=1)
    return np.repeat(middle[:, None], 3, axis=1), texture


def _side_by_side(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates ``(F, 3, 2)`` in one texture, and that texture: the parts' tiles in a square grid."""
    tiles = [_tile(part) for part in parts]
    side = int(np.ceil(np.sqrt(len(tiles))))
    size = max(_SWATCH, min(max(max(tile.shape[:2]) for tile in tiles), _TILE, 2 * _LARGEST_TEXTURE // side))
    texture = np.zeros((side * size, side * size, 3), np.uint8)
    coordinates = []
    for k, (part, tile) in enumerate(zip(parts, tiles, strict=True)):
        row, column = divmod(k, side)
        square = np.asarray(Image.fromarray(tile).resize((size, size)))
        texture[row * size : (row + 1) * size, column * size : (column + 1) * size] = square
        # half a pixel stays free, or neighbours would shine through
        local = (0.5 + _in_one_tile(part.uv) * (size - 1)) / size
        coordinates.append((local + np.array([column, side - 1 - row])) / side)
    return np.concatenate(coordinates), texture


def _tile(part: Part) -> np.ndarray:
    return np.full((1, 1, 3), 255, np.uint8) if part.texture is None else part.texture


def _in_one_tile(uv: np.ndarray) -> np.ndarray:
    """Coordinates in 0..1: each face moved by whole repeats; one that spans several is squeezed into one."""
    low = np.floor(uv.min(axis=1, keepdims=True, initial=np.inf))
    moved = uv - low
    return moved / np.maximum(moved.max(axis=1, keepdims=True, initial=0), 1)


def _shrunk(texture: np.ndarray, largest: int) -> np.ndarray:
    height, width = texture.shape[:2]
    factor = largest / max(height, width)
    if factor >= 1:
        return texture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(texture).resize(size))
