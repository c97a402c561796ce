"""Configurations in YAML: shipped ones, files that build upon others, and what is said of a wrong value."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from reprlib import repr as shorten
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from eoras.config import Config
from eoras.errors import ConfigError

__all__ = ["describe", "load", "load_config", "parse", "shipped_configs"]

T = TypeVar("T")

_CONFIGS = "configs"  # the folder of the package that holds the configurations of networks


def shipped_configs(shipped: str = _CONFIGS) -> list[str]:
    """Names of the configurations inside the package, in its folder ``shipped``."""
    folder = resources.files("eoras") / shipped
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_config(name: str, overrides: Iterable[str] = ()) -> Config:
    """Read the configuration of a network and its training; see ``load``."""
    return load(Config, name, overrides)


def load(kind: type[T], name: str, overrides: Iterable[str] = (), *, shipped: str = _CONFIGS) -> T:
    """Read a configuration.

    Args:
        kind: the configuration dataclass to make.
        name: a shipped configuration's name, or the path of a YAML file. A file may say ``base: NAME_OR_PATH`` (paths
            are relative to the file itself) and then holds only what differs.
        overrides: ``a.b=value`` each, with ``value`` in YAML.
        shipped: folder of the package that holds the shipped ones.

    Raises:
        ConfigError: no such configuration, no valid YAML, an unknown key or a value out of range.
    """
    values = _read(name, Path(), (), shipped)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigError(f"--set {override}: expected KEY=VALUE with a dotted key, such as training.epochs=3")
        _merge(values, _nest(key.split("."), _parse_yaml(text, f"--set {override}")))
    return parse(kind, values, name)


def parse(kind: type[T], values: object, where: str | Path) -> T:
    """Make a configuration dataclass from plain values; ``where`` stands in the message if they do not fit.

    Raises:
        ConfigError: an unknown key, a missing one, or a value of the wrong type or out of range.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{where}: " + "; ".join(_explain(kind, item) for item in error.errors())) from None


def describe(config: Any) -> dict[str, Any]:
    """The plain values of a configuration dataclass, fit for JSON and YAML (tuples become lists)."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, Path):
            return str(value)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    return plain(asdict(config))


def _explain(kind: type, item: Any) -> str:
    """One line of a validation error: the key, what was expected, what was found."""
    *parents, key = item["loc"] or (kind.__name__,)
    name = ".".join(map(str, item["loc"])) or kind.__name__
    if item["type"] != "unexpected_keyword_argument":
        return f"{name}: {item['msg']}, found {shorten(item['input']):.200}"
    known = _keys(kind, parents)
    close = get_close_matches(str(key), known, n=1)
    return f"{name}: unknown key; " + (f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}")


def _keys(kind: type, parents: Iterable[Any]) -> list[str]:
    """Names of the fields of the dataclass that lies below ``kind`` under the keys ``parents``."""
    for parent in parents:
        kind = next(item.type for item in fields(kind) if item.name == parent)  # type: ignore[assignment]  # a class: no postponed annotations here
        assert is_dataclass(kind)
    return [item.name for item in fields(kind)]


def _read(name: str, folder: Path, seen: tuple[Path, ...], shipped: str) -> dict[str, Any]:
    """The plain values of a configuration, laid over those of its base."""
    path = _find(name, folder, shipped)
    if path in seen:
        raise ConfigError(f"{path}: base leads back to itself: {' -> '.join(map(str, (*seen, path)))}")
    try:
        values = _parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(values).__name__}")
    if "base" not in values:
        return values
    below = _read(str(values.pop("base")), path.parent, (*seen, path), shipped)
    _merge(below, values)
    return below


def _find(name: str, folder: Path, shipped: str) -> Path:
    """The file of a shipped configuration, or the path itself."""
    known = shipped_configs(shipped)
    if name in known:
        return Path(str(resources.files("eoras") / shipped / f"{name}.yaml"))
    path = folder / name
    if not path.is_file():
        raise ConfigError(f"{path}: no such configuration; name a YAML file or one of {', '.join(known)}")
    return path.resolve()


def _parse_yaml(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except Exception as error:  # dates and numbers that cannot be raise almost any exception
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None


def _nest(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay ``above`` over ``below``, key by key, in place; a section with nothing in it changes nothing."""
    for key, value in above.items():
        if not isinstance(below.get(key), dict):
            below[key] = value
        elif isinstance(value, dict):
            _merge(below[key], value)
        elif value is not None:
            below[key] = value
