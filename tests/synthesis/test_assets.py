from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import ColorVisuals

from eoras.errors import DataError
from eoras.synthesis.physics import Body, hull_points, settle
from eoras.synthesis.scene import Mesh
from eoras.synthesis.settings import ObjectsConfig
from eoras.synthesis.things import assets
from eoras.synthesis.things.assets import find_assets, load_asset
from eoras.synthesis.things.catalogue import part_of_split, pick

RED, BLUE = (220, 30, 20), (10, 40, 230)


def volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces].astype(np.float64), 1, 0)
    return float(np.einsum("fc,fc->", a, np.cross(b, c)) / 6)


def write_box(path: Path, *, size: tuple[float, float, float] = (2, 1, 0.5), turned: int = 0, more: str = "") -> Path:
    """An OBJ of a box about (10, 0, 0); the first ``turned`` faces look inward."""
    box = trimesh.creation.box(size)
    faces = np.array(box.faces)
    faces[:turned] = faces[:turned, ::-1]
    lines = [f"v {x + 10} {y} {z}" for x, y, z in box.vertices]
    lines += [more] + ["f " + " ".join(str(k + 1) for k in face) for face in faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_textured(folder: Path, *, uv: str = "", texture: Path | None = None) -> Path:
    """An OBJ of a tetrahedron with a texture, red on the left and blue on the right, beside it or elsewhere."""
    folder.mkdir(parents=True)
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    places = uv or "vt 0.1 0.5\nvt 0.2 0.5\nvt 0.1 0.6\nvt 0.2 0.6\n"
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in corners)
    faces = "f 1/1 3/3 2/2\nf 1/1 2/2 4/4\nf 1/1 4/4 3/3\nf 2/2 3/3 4/4\n"
    (folder / "model.obj").write_text(f"mtllib model.mtl\n{vertices}{places}usemtl skin\n{faces}")
    (folder / "model.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd texture.png\n")
    image = np.full((8, 16, 3), RED, np.uint8)
    image[:, 8:] = BLUE
    texture = texture or folder / "texture.png"
    texture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(texture)
    return folder / "model.obj"


def colours_at(mesh: Mesh, texture: np.ndarray | None) -> np.ndarray:
    """What the texture shows at the vertices, ``(V, 3)``."""
    assert texture is not None
    assert mesh.uv is not None
    height, width = texture.shape[:2]
    u, v = (mesh.uv % 1).T
    return texture[((1 - v) * height).astype(int).clip(0, height - 1), (u * width).astype(int)]


# Finding


def test_models_are_found_by_name_in_plain_folders_and_in_that_of_google_scanned_objects(tmp_path: Path) -> None:
    write_box(tmp_path / "chairs" / "stool.obj")
    write_box(tmp_path / "Mug_White" / "meshes" / "model.obj")
    trimesh.creation.icosphere(1).export(tmp_path / "ball.ply")
    (tmp_path / "readme.txt").write_text("no model")
    assert sorted(find_assets(tmp_path)) == ["Mug_White", "ball", "chairs/stool"]


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected models"):
        find_assets(tmp_path)


def test_two_models_of_one_name_are_refused_with_both_files(tmp_path: Path) -> None:
    write_box(tmp_path / "chair.obj")
    trimesh.creation.icosphere(1).export(tmp_path / "chair.glb")
    with pytest.raises(
        DataError, match=r"chair\.obj: expected models of different names, found .*chair\.glb, too; rename"
    ):
        find_assets(tmp_path)


# Reading


@pytest.mark.parametrize("suffix", ["obj", "glb", "ply"])
def test_each_format_is_read_centred_and_with_a_longest_side_of_1(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"box.{suffix}"
    trimesh.creation.box((4, 2, 1), trimesh.transformations.translation_matrix((9, 9, 9))).export(path)
    mesh, _ = load_asset(path)
    np.testing.assert_allclose(np.sort(np.ptp(mesh.vertices, axis=0)), (0.25, 0.5, 1), atol=1e-5)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), -mesh.vertices.min(axis=0), atol=1e-5)
    assert volume(mesh) == pytest.approx(0.125, rel=1e-4)


def test_a_texture_comes_with_its_coordinates(tmp_path: Path) -> None:
    mesh, material = load_asset(write_textured(tmp_path / "a"))
    assert material is not None
    assert material.pattern == "image"
    assert (colours_at(mesh, material.texture) == RED).all()


def test_the_texture_of_a_scanned_object_lies_in_a_folder_of_its_own(tmp_path: Path) -> None:
    texture = tmp_path / "shoe" / "materials" / "textures" / "texture.png"
    _, material = load_asset(write_textured(tmp_path / "shoe" / "meshes", texture=texture))
    assert material is not None
    assert material.texture is not None
    assert material.texture.shape == (8, 16, 3)


def test_several_colours_become_one_texture(tmp_path: Path) -> None:
    path = write_box(tmp_path / "two.obj")
    lines = path.read_text().splitlines()
    faces = [line for line in lines if line.startswith("f")]
    rest = [line for line in lines if not line.startswith("f")]
    text = ["mtllib two.mtl", *rest, "usemtl red", *faces[:6], "usemtl blue", *faces[6:]]
    path.write_text("\n".join(text))
    path.with_suffix(".mtl").write_text("newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\n")
    mesh, material = load_asset(path)
    assert material is not None
    found = {tuple(colour) for colour in colours_at(mesh, material.texture).tolist()}
    assert found == {(255, 0, 0), (0, 0, 255)}


def test_colours_of_vertices_become_a_texture(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(1)
    ball.visual = ColorVisuals(ball, vertex_colors=np.tile((*RED, 255), (len(ball.vertices), 1)))
    ball.export(tmp_path / "ball.ply")
    mesh, material = load_asset(tmp_path / "ball.ply")
    assert material is not None
    assert np.abs(colours_at(mesh, material.texture).astype(int) - RED).max() <= 4


def test_large_textures_are_shrunk(tmp_path: Path) -> None:
    path = write_textured(tmp_path / "a")
    Image.new("RGB", (3000, 600), RED).save(path.parent / "texture.png")
    _, material = load_asset(path)
    assert material is not None
    assert material.texture is not None
    assert material.texture.shape == (205, 1024, 3)


# Repairing


@pytest.mark.parametrize("turned", [3, 12])
def test_faces_that_look_inward_are_turned(tmp_path: Path, turned: int) -> None:
    mesh, _ = load_asset(write_box(tmp_path / "box.obj", turned=turned))
    assert volume(mesh) == pytest.approx(0.125, rel=1e-4)


def test_normals_of_length_zero_and_faces_without_an_area_do_no_harm(tmp_path: Path) -> None:
    path = write_box(tmp_path / "box.obj", more="vn 0 0 0")
    text = path.read_text() + "f 1 1 2\nf 3 3 3\n"
    path.write_text("".join(_with_normals(line) for line in text.splitlines(keepends=True)))
    mesh, _ = load_asset(path)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    assert len(mesh.faces) == 12


def test_points_that_no_face_uses_do_no_harm(tmp_path: Path) -> None:
    box = trimesh.creation.box((4, 2, 1))
    box.export(tmp_path / "alone.ply")
    loose = np.concatenate([[(5e8, 0, 0), (0, -70, 9)], box.vertices])
    trimesh.Trimesh(loose, box.faces + 2, process=False).export(tmp_path / "among_others.ply")
    alone, mesh = (load_asset(tmp_path / name)[0] for name in ("alone.ply", "among_others.ply"))
    np.testing.assert_array_equal(mesh.vertices, alone.vertices)
    np.testing.assert_array_equal(mesh.faces, alone.faces)


def _with_normals(line: str) -> str:
    return "f " + " ".join(f"{k}//1" for k in line.split()[1:]) + "\n" if line.startswith("f") else line


@pytest.mark.parametrize("places", ["vt nan 0\n" * 4, "vt 1e9 -1e9\n" * 4])
def test_absurd_texture_coordinates_are_given_up(tmp_path: Path, places: str) -> None:
    mesh, _ = load_asset(write_textured(tmp_path / "a", uv=places))
    assert mesh.uv is not None
    assert (mesh.uv == 0).all()


def test_a_texture_may_repeat(tmp_path: Path) -> None:
    mesh, _ = load_asset(write_textured(tmp_path / "a", uv="vt 0 0\nvt 3 0\nvt 0 3\nvt 3 3\n"))
    assert mesh.uv is not None
    assert mesh.uv.max() == 3


# Refusing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nv nan 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n", "NaN"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 2 4 3\n", "a flat one"),
        ("v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n", "triangles with an area, found none"),
        ("v 0 0 0\n", "damaged.obj: expected"),
        ("f 1 2 3\n", "damaged.obj: expected"),
    ],
)
def test_a_damaged_model_is_refused_by_its_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "damaged.obj"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        load_asset(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_file_that_is_no_model_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.glb"
    path.write_bytes(b"glTF\x02\x00")
    with pytest.raises(DataError, match=r"broken\.glb: expected a model that trimesh can read"):
        load_asset(path)


def test_too_many_faces_are_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_MOST_FACES", 11)
    with pytest.raises(DataError, match="at most 11 triangles, or it would fill the memory, found 12; decimate it"):
        load_asset(write_box(tmp_path / "box.obj"))


@pytest.mark.parametrize("turn", [None, (1, 1, 1)])
def test_the_thinnest_of_models_falls_at_the_smallest_size(tmp_path: Path, turn: tuple[int, int, int] | None) -> None:
    rod = trimesh.creation.box((1, 0.0032, 0.0032))
    if turn is not None:
        rod.apply_transform(trimesh.geometry.align_vectors((1, 0, 0), turn))
    rod.export(tmp_path / "rod.ply")
    points = hull_points(load_asset(tmp_path / "rod.ply")[0].vertices) * 0.02
    still, upright = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    body = Body(
        points=points,
        mass=0.02**3,
        friction=0.5,
        restitution=0.5,
        position=np.array([0.0, 0.0, 1.0]),
        quaternion=upright,
        velocity=still,
        angular_velocity=still,
    )
    assert settle([body], 2.0).bodies[0].position[2] < 0.1


# Splits


def test_a_tenth_of_a_folder_is_held_out_for_the_test_split(tmp_path: Path) -> None:
    for k in range(11):
        write_box(tmp_path / f"box_{k}.obj", size=(1, 1, 0.3 + 0.05 * k))
    config = ObjectsConfig(folder=tmp_path)
    rngs = [np.random.default_rng(1) for _ in range(2)]
    train = {pick(config, 0, "train", *rngs).asset_id for _ in range(60)}
    test = {pick(config, 0, "test", *rngs).asset_id for _ in range(60)}
    assert (len(train), len(test)) == (9, 2)
    assert not train & test


def test_which_are_held_out_follows_from_the_seed() -> None:
    names = [f"box_{k}" for k in range(40)]
    parts = [frozenset(part_of_split(names, seed, "test", 4)) for seed in range(5)]
    assert part_of_split(names, 0, "test", 4) == part_of_split(names, 0, "test", 4)
    assert len(set(parts)) == 5


def test_a_single_model_does_not_do_for_two_splits(tmp_path: Path) -> None:
    write_box(tmp_path / "box.obj")
    rngs = [np.random.default_rng(1) for _ in range(2)]
    with pytest.raises(DataError, match="expected more than 1 models, for so many are held out for the test split"):
        pick(ObjectsConfig(folder=tmp_path), 0, "train", *rngs)
