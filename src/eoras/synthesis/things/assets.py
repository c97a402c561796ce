"""Other people's models: read, repaired where that is safe, refused by name where it is not."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from eoras.errors import DataError
from eoras.synthesis.physics import hull_points
from eoras.synthesis.scene import Material, Mesh
from eoras.synthesis.things.atlas import Part, combined, read_parts
from eoras.synthesis.things.normals import shaded

__all__ = ["find_assets", "load_asset"]

_SUFFIXES = (".obj", ".glb", ".ply")
_GSO_MESH = ("meshes", "model.obj")
_MOST_FACES = 200_000  # 60 MB with normals and search tree; a worker has 600 MB for all of a scene
_LEAST_VOLUME = 1e-5  # of the hull, in cubes of the longest side; thinner things have no sensible inertia
_FARTHEST_UV = 1000.0  # repeats of a texture; float32 still tells its pixels apart
_KEPT = 32  # models in memory


@lru_cache(maxsize=1)  # a search for each object of each scene would take long
def find_assets(folder: Path) -> dict[str, Path]:
    """The models below a folder, by name: OBJ, GLB and PLY files, or folders in the layout of Google Scanned Objects.

    Raises:
        DataError: there is none, or two are of one name.
    """
    assets: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            scanned = path.parts[-2:] == _GSO_MESH
            named = path.parent.parent if scanned else path.with_suffix("")
            name = named.relative_to(folder).as_posix()
            if name in assets:
                raise _refusal(
                    path, "models of different names", f"{assets[name]}, too", "rename or remove one of them"
                )
            assets[name] = path
    if not assets:
        raise DataError(f"{folder}: expected models ({', '.join(_SUFFIXES)}), found none")
    return assets


@lru_cache(maxsize=_KEPT)
def load_asset(path: Path) -> tuple[Mesh, Material | None]:
    """Read a model, centred on the origin, its longest side 1; with its material, if it has one.

    The file's normals are not used: they are made anew from the faces. Faces without an area are dropped, faces that
    look inward are turned, texture coordinates that are not finite or absurdly far are set to 0.

    Raises:
        DataError: the file cannot be read, a coordinate is not finite, it has too many faces, or no volume.
    """
    points, faces, uv, texture = combined(_checked(path, read_parts(path)))
    points, faces, uv = _welded(points, faces, uv)
    if not len(faces):
        raise _refusal(path, "triangles with an area", "none", "export it anew")
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - (low + high) / 2) / (high - low).max()
    _check_volume(path, points)
    faces, uv = _turned_outward(points, faces, uv)
    mesh = shaded(points, faces, uv=uv if texture is not None else None)
    if texture is None:
        return mesh, None
    return mesh, Material(name=path.name, pattern="image", colours=np.ones((2, 3), np.float32), texture=texture)


def _checked(path: Path, parts: list[Part]) -> list[Part]:
    count = sum(len(part.faces) for part in parts)
    if not count:
        raise _refusal(path, "triangles", "none", "export it as a mesh")
    if count > _MOST_FACES:
        raise _refusal(path, f"at most {_MOST_FACES} triangles, or it would fill the memory", str(count), "decimate it")
    if not all(np.isfinite(part.points).all() for part in parts):
        raise _refusal(path, "finite coordinates", "NaN or infinity", "repair it")
    for part in parts:
        uv = part.uv
        part.uv[~(np.isfinite(uv) & (np.abs(uv) < _FARTHEST_UV)).all(axis=(1, 2))] = 0
    return parts


def _welded(points: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each point once and none that no face uses, no face twice and none without an area."""
    grain = max(float(np.ptp(points[faces], axis=(0, 1)).max()), 1e-30) * 1e-6
    _, first, number = np.unique(np.round(points / grain), axis=0, return_index=True, return_inverse=True)
    points, faces = points[first], number[faces]
    a, b, c = np.moveaxis(points[faces], 1, 0)
    sound = np.linalg.norm(np.cross(b - a, c - a), axis=1) > grain**2
    _, single = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    kept = np.zeros(len(faces), bool)
    kept[single] = True
    kept &= sound
    used, number = np.unique(faces[kept], return_inverse=True)
    return points[used], number.reshape(-1, 3), uv[kept]


def _check_volume(path: Path, points: np.ndarray) -> None:
    try:
        volume = float(ConvexHull(hull_points(points)).volume)
    except ValueError:
        volume = 0.0
    if volume < _LEAST_VOLUME:
        raise _refusal(
            path, "a solid thing", "a flat one, which cannot lie, roll or fall", "leave it out or thicken it"
        )


def _turned_outward(points: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces that run counter-clockwise seen from outside, piece by connected piece."""
    turned, piece = _agreed(faces)
    faces, uv = _turn(faces, uv, turned)
    return _turn(faces, uv, (_signed_volumes(points[faces], piece) < 0)[piece])


def _turn(faces: np.ndarray, uv: np.ndarray, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(turned[:, None], faces[:, ::-1], faces), np.where(turned[:, None, None], uv[:, ::-1], uv)


def _agreed(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which faces to turn so that neighbours agree, bool ``(F,)``, and the number of each face's connected piece.

    Each face is there twice, as it is and turned, and is joined with those of its neighbours' that agree with it; of
    the two halves into which a piece falls, either will do. A piece with one side only, as Moebius' band, stays.
    """
    one, other, agree = _neighbours(faces)
    count = len(faces)
    starts = np.concatenate([one, one + count])
    ends = np.concatenate([other + ~agree * count, other + agree * count])
    joined = coo_array((np.ones(len(starts), bool), (starts, ends)), shape=(2 * count, 2 * count))
    _, half = connected_components(joined, directed=False)
    as_it_is, turned = half[:count], half[count:]
    _, piece = np.unique(np.minimum(as_it_is, turned), return_inverse=True)
    return as_it_is > turned, piece


def _neighbours(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of faces at an edge that no third one shares, and whether the two look to the same side there."""
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    edges = np.minimum(starts, ends) * (faces.max() + 1) + np.maximum(starts, ends)
    order = np.argsort(edges, kind="stable")
    _, first, times = np.unique(edges[order], return_index=True, return_counts=True)
    one, other = order[first[times == 2]], order[first[times == 2] + 1]
    return one // 3, other // 3, (starts < ends)[one] != (starts < ends)[other]


def _signed_volumes(corners: np.ndarray, piece: NDArray[np.int_]) -> np.ndarray:
    """float64 ``(P,)``: volume within the faces ``(F, 3, 3)`` of each piece, negative if they look inward."""
    counts = np.bincount(piece)
    middles = np.stack([np.bincount(piece, corners.mean(axis=1)[:, axis]) / counts for axis in range(3)], axis=1)
    a, b, c = np.moveaxis(corners - middles[piece][:, None], 1, 0)
    return np.bincount(piece, np.einsum("fc,fc->f", a, np.cross(b, c)) / 6)


def _refusal(path: Path, expected: str, found: str, cure: str) -> DataError:
    return DataError(f"{path}: expected {expected}, found {found}; {cure}")
