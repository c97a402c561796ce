import json
from pathlib import Path

import pytest
import yaml

from eoras.config_files import describe, parse
from eoras.errors import ConfigError
from eoras.synthesis.settings import SceneConfig, load_scene_config, shipped_presets


def test_the_presets_are_known_by_name() -> None:
    assert shipped_presets() == ["falling", "movi_b", "movi_d"]
    assert [load_scene_config(name).name for name in shipped_presets()] == shipped_presets()


@pytest.mark.parametrize("name", shipped_presets())
def test_a_preset_survives_yaml_and_json(name: str) -> None:
    config = load_scene_config(name, ["objects.folder=models"])
    assert config.objects.folder == Path("models")
    assert parse(SceneConfig, yaml.safe_load(yaml.safe_dump(describe(config))), name) == config
    assert parse(SceneConfig, json.loads(json.dumps(describe(config))), name) == config


@pytest.mark.parametrize("name", ["movi_b", "movi_d"])
def test_the_published_sets_have_still_objects_and_the_published_images(name: str) -> None:
    config = load_scene_config(name)
    assert (config.height, config.width, config.frames) == (256, 256, 24)
    assert (config.camera.focal_length, config.camera.sensor_width) == (35, 32)
    assert config.objects.thrown == (0, 0)


def test_a_file_changes_a_preset_and_an_override_changes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("base: movi_d\nname: mine\nobjects: {static: [3, 5]}\ncamera: {path: linear}\n")
    config = load_scene_config(str(path), ["objects.scale=[1, 2]", "frames=8"])
    assert (config.name, config.objects.static, config.objects.scale) == ("mine", (3, 5), (1, 2))
    assert (config.objects.family, config.camera.path, config.frames) == ("varied", "linear", 8)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("objects.statc=[1, 2]", "objects.statc: unknown key; did you mean static?"),
        ("objects.static=[5, 2]", "the smaller number comes first, found [5, 2]"),
        ("objects.static=[0, 251]", "less than or equal to 250"),
        ("objects.held_out_shapes=11", "held_out_shapes must be below 11"),
        ("objects.scale=[0.01, 1]", "greater than or equal to 0.02"),
        ("spawn.settle_seconds=0.05", "greater than or equal to 0.1"),
        ("spawn.static_low=[0, 0, -1]", "static_low must be below static_high and not below the ground"),
        ("camera.path=spiral", "camera.path: Input should be 'fixed', 'linear' or 'orbit', found 'spiral'"),
        ("above.field_of_view=180", "less than 180"),
    ],
)
def test_what_makes_no_sense_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_scene_config("movi_b", [override])
    assert message in str(caught.value)


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no such configuration; name a YAML file or one of falling, movi_b, movi_d"):
        load_scene_config("movi_x")
