"""Configurations: files, what they are based on, overrides, and messages that help."""

import json
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from eoras.config import Config, ModelConfig, TrainingConfig, ViewConfig
from eoras.config_files import describe, load_config, parse, shipped_configs
from eoras.errors import ConfigError

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file below the test's folder and gives its path."""

    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write_file


# Shipped


def test_the_shipped_configurations_are_known_by_name() -> None:
    assert shipped_configs() == ["best", "kitti", "movi_b", "movi_d", "small", "tiny"]


@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_configuration_survives_yaml_and_json(name: str) -> None:
    config = load_config(name)
    assert parse(Config, yaml.safe_load(yaml.safe_dump(describe(config))), name) == config
    assert parse(Config, json.loads(json.dumps(describe(config))), name) == config


def test_movi_b_is_the_published_command() -> None:
    config = load_config("movi_b")
    assert config == Config(training=TrainingConfig(normalise_frames="apart"))
    assert (config.model.num_slots, config.model.view.enlarge, config.model.camera_position) == (8, 2, None)
    training = config.training
    assert training.batch_size * training.accumulate == 4
    assert (training.epochs, training.clip_length, training.seed) == (50, 12, 123)
    assert (training.learning_rate, training.decay, training.weight_decay) == (1e-5, 1, 5e-4)
    assert (training.focal_gamma, training.visible_weight, training.occluded_weight) == (2, 1, 0)


def test_batch_normalisation_sees_frame_after_frame_in_published_trainings_alone() -> None:
    apart = {name for name in shipped_configs() if load_config(name).training.normalise_frames == "apart"}
    assert apart == {"movi_b", "movi_d", "kitti"}


def test_movi_d_is_movi_b_with_a_tilted_camera() -> None:
    movi_b, movi_d = load_config("movi_b"), load_config("movi_d")
    assert movi_d.model.camera_position == (8.48113, -7.50764, 1.5)
    assert replace(movi_d, model=replace(movi_d.model, camera_position=None)) == movi_b


# Files and their bases


def test_a_file_holds_only_what_differs_from_its_base(write: Write) -> None:
    path = write("a.yaml", "base: movi_d\nmodel: {num_slots: 4, view: {boxes: round}}\ntraining: {epochs: 3}")
    base, config = load_config("movi_d"), load_config(path)
    model = replace(base.model, num_slots=4, view=ViewConfig(boxes="round"))
    assert config == Config(model=model, training=replace(base.training, epochs=3))


def test_bases_follow_one_another_each_relative_to_its_own_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("bases/slots.yaml", "model: {num_slots: 3, num_layers: 5}\ntraining: {epochs: 1}")
    write("bases/layers.yaml", "base: slots.yaml\nmodel: {num_layers: 4}")
    path = write("runs/mine.yaml", "base: ../bases/layers.yaml\ntraining: {epochs: 2}")
    expected = Config(model=ModelConfig(num_slots=3, num_layers=4), training=TrainingConfig(epochs=2))
    assert load_config(path) == expected
    monkeypatch.chdir(tmp_path / "bases")
    assert load_config("../runs/mine.yaml") == expected


def test_a_list_replaces_the_list_of_its_base(write: Write) -> None:
    write("base.yaml", "model: {mask_heads: [amodal, occluded], bev_channels: [64, 32]}")
    config = load_config(write("a.yaml", "base: base.yaml\nmodel: {mask_heads: [amodal]}"))
    assert config.model.mask_heads == ("amodal",)
    assert config.model.bev_channels == (64, 32)


def test_a_section_with_nothing_in_it_leaves_the_base_as_it_is(write: Write) -> None:
    path = write("a.yaml", "base: tiny\nmodel:\n  # num_slots: 4\ntraining: {epochs: 2}")
    tiny = load_config("tiny")
    assert load_config(path) == replace(tiny, training=replace(tiny.training, epochs=2))
    assert load_config(path, ["model.num_slots=3"]).model == replace(tiny.model, num_slots=3)


@pytest.mark.parametrize("text", ["", "# nothing yet", "{}"])
def test_a_file_that_says_nothing_is_the_defaults(write: Write, text: str) -> None:
    assert load_config(write("a.yaml", text)) == Config()


def test_a_base_that_leads_back_to_itself_is_refused(write: Write, tmp_path: Path) -> None:
    write("a.yaml", "base: b.yaml")
    write("b.yaml", "base: ./c.yaml")
    path = write("c.yaml", f"base: ../{tmp_path.name}/a.yaml")
    with pytest.raises(
        ConfigError, match=r"base leads back to itself: .*c\.yaml -> .*a\.yaml -> .*b\.yaml -> .*c\.yaml"
    ):
        load_config(path)


def test_a_missing_base_is_named_by_its_path(write: Write) -> None:
    with pytest.raises(
        ConfigError, match=r"runs/movie_b: no such configuration; name a YAML file or one of best, kitti"
    ):
        load_config(write("runs/a.yaml", "base: movie_b"))


# Overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.epochs=3", 3),
        ("training.learning_rate=1e-4", 1e-4),  # YAML takes this for text
        ("training.dtype=bfloat16", "bfloat16"),
        ("model.visible_input=true", True),
        ("model.bev_channels=[32]", (32,)),
        ("model.mask_heads=[amodal, occluded]", ("amodal", "occluded")),
        ("model.camera_position=[1, -2.5, 3]", (1.0, -2.5, 3.0)),
        ("model.camera_position=null", None),
        ("model.view.frames=all", "all"),
        ("model.view={frames: all}", ViewConfig(frames="all")),
    ],
)
def test_an_override_changes_one_value(override: str, value: Any) -> None:
    changed: Any = load_config("movi_d", [override])
    key = override.partition("=")[0]
    plain, base = describe(changed), describe(load_config("movi_d"))
    *parents, last = key.split(".")
    for parent in parents:
        changed, plain, base = getattr(changed, parent), plain[parent], base[parent]
    assert getattr(changed, last) == value
    assert {name for name in base if plain[name] != base[name]} == {last}


def test_the_last_override_wins_over_file_and_base(write: Write) -> None:
    path = write("a.yaml", "base: tiny\ntraining: {epochs: 2, seed: 5}")
    config = load_config(path, ["training.epochs=3", "model.num_slots=2", "training.epochs=4"])
    assert (config.training.epochs, config.training.seed, config.model.num_slots) == (4, 5, 2)
    assert config.model.backbone_width == load_config("tiny").model.backbone_width


@pytest.mark.parametrize("override", ["training.epochs", "=3", "training..epochs=3", ".epochs=3", "training.=3", ""])
def test_an_override_without_key_or_value_is_refused(override: str) -> None:
    with pytest.raises(
        ConfigError, match=r"--set .*: expected KEY=VALUE with a dotted key, such as training\.epochs=3"
    ):
        load_config("movi_b", [override])


@pytest.mark.parametrize(
    "value",
    ["2026-13-45", "0x_", "!!int abc", "!!bool maybe", "!!timestamp now", "[" * 3000],
    ids=lambda value: value[:16],
)
def test_a_value_that_yaml_cannot_make_is_refused(value: str, write: Write) -> None:
    with pytest.raises(ConfigError, match=r"--set training\.seed=.*: not valid YAML"):
        load_config("tiny", [f"training.seed={value}"])
    with pytest.raises(ConfigError, match=r"a\.yaml: not valid YAML"):
        load_config(write("a.yaml", f"training: {{seed: {value}}}"))


def test_a_seed_has_as_many_bits_as_torch_takes() -> None:
    assert load_config("tiny", [f"training.seed={2**63 - 1}"]).training.seed == 2**63 - 1
    with pytest.raises(ConfigError, match=r"training\.seed: Input should be less than"):
        load_config("tiny", [f"training.seed={2**63}"])


def test_an_override_that_is_not_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--set model\.bev_channels=\[1: not valid YAML"):
        load_config("movi_b", ["model.bev_channels=[1"])


# Bad input


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {epoch: 3}", "a.yaml: training.epoch: unknown key; did you mean epochs?"),
        ("trainign: {epochs: 3}", "a.yaml: trainign: unknown key; did you mean training?"),
        ("model: {view: {box: round}}", "a.yaml: model.view.box: unknown key; did you mean boxes?"),
        (
            "model: {view: {qqq: 1}}",
            "model.view.qqq: unknown key; known are boxes, windows, enlarge, frames, intrinsics",
        ),
        ("training: {epochs: 0}", "training.epochs: Input should be greater than or equal to 1, found 0"),
        ("training: {epochs: many}", "training.epochs: Input should be a valid integer"),
        ("training: {epochs: 1.5}", "training.epochs: Input should be a valid integer"),
        ("training: {epochs: }", "training.epochs: Input should be a valid integer, found None"),
        ("training: 3", "training: Input should be a dictionary or an instance of TrainingConfig, found 3"),
        ("training: {dtype: float16}", "training.dtype: Input should be 'float32' or 'bfloat16', found 'float16'"),
        ("training: {learning_rate: .nan}", "training.learning_rate: "),
        ("training: {learning_rate: .inf}", "training.learning_rate: Input should be a finite number"),
        ("training: {learning_rate: 0}", "training.learning_rate: Input should be greater than 0"),
        ("model: {dropout: 1}", "model.dropout: Input should be less than 1"),
        ("model: {backbone_width: 24}", "model.backbone_width: Input should be a multiple of 16"),
        ("model: {backbone_depths: [3, 4, 6]}", "model.backbone_depths.3: "),
        ("model: {bev_channels: []}", "model.bev_channels: "),
        ("model: {width: 20}", "width must be a multiple of num_heads, found 20 and 8"),
        ("model: {mask_heads: [visible]}", "mask_heads must name amodal, and each head once, found ['visible']"),
        ("model: {mask_heads: [amodal, amodal]}", "mask_heads must name amodal, and each head once"),
        ("model: {mask_heads: [amodal, hidden]}", "model.mask_heads.1: Input should be"),
        ("- training", "a.yaml: expected keys and values, found list"),
        ("training: {epochs: 3", "a.yaml: not valid YAML: "),
        ("training: !!python/object/apply:os.getcwd []", "a.yaml: not valid YAML: could not determine a constructor"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_where_and_what(write: Write, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write("a.yaml", text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_few_lines_of_aliases_stand_for_is_told_in_short(write: Write) -> None:
    parts = ["&a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    parts += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 7)]
    with pytest.raises(ConfigError, match=r"seed: Input should be a valid integer, found \[\[") as caught:
        load_config(write("a.yaml", f"training: {{seed: [{', '.join(parts)}]}}"))
    assert len(str(caught.value)) < 1000


def test_all_that_is_wrong_is_told_at_once(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"training\.epochs: .*; training\.sed: unknown key; did you mean seed\?"):
        load_config(write("a.yaml", "training: {epochs: 0, sed: 1}"))


@pytest.mark.parametrize("name", ["movi_c", "nowhere/a.yaml", "."])
def test_an_unknown_configuration_is_an_error_that_lists_the_known(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"no such configuration; name a YAML file or one of best, kitti, movi_b, movi_d, small, tiny"
    ):
        load_config(name)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(ConfigError, match=r"a\.yaml: cannot be read"):
        load_config(str(path))


# The records


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().training.epochs = 3  # type: ignore[misc]  # that is the point


def test_python_checks_values_as_files_do() -> None:
    with pytest.raises(ValueError, match="multiple of num_heads"):
        ModelConfig(width=20)
    with pytest.raises(ValueError, match="finite"):
        TrainingConfig(learning_rate=math.inf)
    with pytest.raises(ValueError, match="unexpected"):
        TrainingConfig(epoch=3)  # type: ignore[call-arg]  # that is the point
    frozen = TrainingConfig(backbone_rate=0)
    Config(model=ModelConfig(visible_input=True, visible_skip=True), training=frozen)
    with pytest.raises(ValueError, match="would not be learned"):
        Config(model=ModelConfig(visible_input=True), training=frozen)
