from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from eoras.errors import DataError
from eoras.synthesis import compose as compose_module
from eoras.synthesis.annotate import annotate
from eoras.synthesis.compose import compose
from eoras.synthesis.scene import SPLITS, Scene, SceneObject
from eoras.synthesis.settings import ObjectsConfig, load_scene_config
from eoras.synthesis.things.catalogue import pick
from eoras.synthesis.video import rotation_matrices

DEEPEST_AT_REST, DEEPEST = 0.01, 0.1  # world units that hulls may overlap
SMALL = ("height=48", "width=64")
FEW = {"movi_b": ("objects.static=[5, 8]",), "movi_d": ("objects.static=[5, 8]",), "falling": ()}


def scene(preset: str = "movi_b", index: int = 0, split: str = "test", *overrides: str, seed: int = 4) -> Scene:
    return compose(load_scene_config(preset, [*SMALL, *FEW[preset], *overrides]), seed, index, split)  # pyright: ignore[reportArgumentType]  # a parameter's text


@pytest.fixture(scope="module", params=["movi_b", "movi_d", "falling"])
def any_scene(request: pytest.FixtureRequest) -> Scene:
    return scene(request.param)


def in_world(item: SceneObject) -> np.ndarray:
    """Vertices, ``(T, V, 3)``."""
    return item.mesh.vertices @ rotation_matrices(item.quaternions).swapaxes(1, 2) + item.positions[:, None]


def assert_same(one: Scene, other: Scene) -> None:
    assert one.metadata == other.metadata
    assert one.seed == other.seed
    assert (one.camera.positions == other.camera.positions).all()
    assert (one.environment.panorama == other.environment.panorama).all()
    for a, b in zip(one.objects, other.objects, strict=True):
        assert (a.asset_id, a.material.name, a.record["mass"]) == (b.asset_id, b.material.name, b.record["mass"])
        assert (a.mesh.vertices == b.mesh.vertices).all()
        assert (a.positions == b.positions).all()
        assert (a.quaternions == b.quaternions).all()


def test_a_scene_follows_from_its_seed_split_and_index_alone(any_scene: Scene) -> None:
    preset = any_scene.metadata["preset"]
    other = scene(preset, 1)
    assert_same(scene(preset), any_scene)
    for different in (other, scene(preset, 0, "train"), scene(preset, seed=5)):
        assert [o.record["size"] for o in different.objects] != [o.record["size"] for o in any_scene.objects]
        assert different.environment.name != any_scene.environment.name


def test_nothing_sinks_in_the_ground_or_in_another(any_scene: Scene) -> None:
    deepest = DEEPEST if any_scene.metadata["preset"] == "falling" else DEEPEST_AT_REST
    assert any_scene.metadata["penetration"] < deepest
    for item in any_scene.objects:
        assert in_world(item)[..., 2].min() > -deepest - 1e-4


@pytest.mark.parametrize("preset", ["movi_b", "movi_d"])
def test_static_objects_lie_still_within_the_arena_and_none_floats(preset: str) -> None:
    stacked = scene(preset, 2)
    assert stacked.metadata["settled_speed"] < 0.1
    lows = []
    for item in stacked.objects:
        assert np.ptp(item.positions, axis=0).max() == 0
        assert np.hypot(*item.positions[0, :2]) <= 9
        assert (item.record["velocities"] == 0).all()
        assert not item.record["is_dynamic"]
        lows.append(in_world(item)[0, :, 2].min())
    assert sum(low < 0.02 for low in lows) >= len(lows) / 3
    assert len(stacked.objects) >= 5


def test_thrown_objects_move_and_their_velocities_are_those_of_their_ways() -> None:
    falling = scene("falling", 0, "train", "fps=60", "frames=12")
    assert len(falling.objects) >= 4
    for item in falling.objects:
        ways, told = np.diff(item.positions, axis=0) * 60, item.record["velocities"]
        free = np.abs(np.diff(told, axis=0)[:, :2]).max(axis=1) < 1e-3  # between collisions
        np.testing.assert_allclose(ways[free], (told[1:] + told[:-1])[free] / 2, atol=0.06)
        assert item.record["is_dynamic"]


def test_static_and_thrown_objects_can_be_mixed() -> None:
    mixed = scene("movi_d", 0, "train", "objects.static=[4, 4]", "objects.thrown=[2, 2]")
    assert [item.record["is_dynamic"] for item in mixed.objects] == [False] * 4 + [True] * 2
    assert mixed.metadata["penetration"] < DEEPEST
    assert np.ptp(mixed.objects[4].positions, axis=0).max() > 0.5


def test_the_falling_preset_hides_objects_for_a_while_and_lets_them_leave_and_return() -> None:
    hidden = away = 0
    for index in range(8):
        truth = annotate(scene("falling", index), bev=False)
        for k, amodal in enumerate(truth.amodal):
            inside, seen = amodal.any(axis=(1, 2)), (truth.visible == k + 1).any(axis=(1, 2))
            hidden += bool((inside & ~seen).any() and seen.any())
            away += bool((np.diff(np.flatnonzero(inside)) > 1).any())
    assert hidden > 0
    assert away > 0


def test_the_camera_above_sees_every_still_object() -> None:
    assert annotate(scene("movi_d", 1)).bev_amodal.any(axis=(2, 3)).all()


@pytest.mark.parametrize(("family", "shapes"), [("regular", 11), ("varied", 13)])
def test_held_out_shapes_are_never_trained_on_and_alone_are_tested(
    family: Literal["regular", "varied"], shapes: int
) -> None:
    config = ObjectsConfig(family=family, held_out_shapes=3)
    rng = np.random.default_rng(0)
    train, test = (
        {next(iter(pick(config, 0, split, rng, rng).record.values())) for _ in range(120)} for split in SPLITS
    )
    assert (len(train), len(test)) == (shapes - 3, 3)
    assert not train & test


def test_splits_share_no_varied_object_material_or_background() -> None:
    found = []
    for split in ("train", "test"):
        scenes = [scene("movi_d", index, split) for index in range(2)]
        objects = [item for one in scenes for item in one.objects]
        found.append(
            {item.asset_id for item in objects}
            | {item.material.name for item in objects}
            | {one.environment.name for one in scenes}
        )
    assert not found[0] & found[1]


def test_the_metadata_say_how_the_scene_was_made(any_scene: Scene) -> None:
    metadata = any_scene.metadata
    assert {key: metadata[key] for key in ("generator", "seed", "index", "split")} == {
        "generator": "scene",
        "seed": 4,
        "index": 0,
        "split": "test",
    }
    assert metadata["parameters"]["height"] == 48
    assert metadata["background"] == any_scene.environment.name
    assert set(metadata["versions"]) == {"mujoco-core", "embreex", "numba"}
    for item in any_scene.objects:
        extent = np.ptp(item.mesh.vertices, axis=0).max()
        assert item.record["scale"] == pytest.approx(extent, rel=1e-4)
        assert item.record["material"] == item.material.name
        assert {"mass", "friction", "restitution", "velocities", "angular_velocities"} < set(item.record)
        assert item.record["angular_velocities"].shape == (24, 3)


def test_the_version_of_mujoco_is_known_whichever_package_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def from_another(name: str) -> str:
        if name.startswith("mujoco"):
            raise PackageNotFoundError(name)
        return version(name)

    installed = version("mujoco-core")
    monkeypatch.setattr(compose_module, "version", from_another)
    compose_module._versions.cache_clear()
    assert scene("movi_b", 0, "train", "objects.static=[1, 1]").metadata["versions"]["mujoco-core"] == installed


def test_a_region_too_small_for_its_objects_grows_upward() -> None:
    tight = ("objects.static=[6, 6]", "spawn.static_low=[-0.5, -0.5, 0]", "spawn.static_high=[0.5, 0.5, 1]")
    assert len(scene("movi_b", 0, "train", *tight).objects) == 6


def panoramas(folder: Path, count: int) -> None:
    for k in range(count):
        Image.new("RGB", (32, 16), (10 * k, 200, 100)).save(folder / f"place_{k}.png")


def test_one_in_ten_of_a_folder_of_backgrounds_is_for_the_test_split(tmp_path: Path) -> None:
    panoramas(tmp_path, 5)
    few = (f"backgrounds={tmp_path}", "objects.static=[1, 1]")
    train, test = (
        {scene("movi_b", index, split, *few).environment.name for index in range(12)} for split in ("train", "test")
    )
    assert len(test) == 1
    assert len(train) > 1
    assert not train & test


def test_one_panorama_in_two_formats_is_refused_with_both_files(tmp_path: Path) -> None:
    panoramas(tmp_path, 3)
    (tmp_path / "place_1.hdr").touch()
    with pytest.raises(
        DataError, match=r"place_1\.png: expected panoramas whose names .* found .*place_1\.hdr, too; rename"
    ):
        scene("movi_b", 0, "train", f"backgrounds={tmp_path}")


def test_a_single_background_does_not_do_for_two_splits(tmp_path: Path) -> None:
    panoramas(tmp_path, 1)
    with pytest.raises(DataError, match="expected two panoramas or more"):
        scene("movi_b", 0, "train", f"backgrounds={tmp_path}")
