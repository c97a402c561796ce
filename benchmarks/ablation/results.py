"""What the runs of all rows have given: a file for each row and seed, kept with the code that it comes from."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.ablation.rows import ROWS, config_of
from eoras.config import Config, ViewConfig
from eoras.config_files import parse
from eoras.data.fingerprint import fingerprint
from eoras.data.open import open_tracks
from eoras.errors import ConfigError
from eoras.files import sha256_of, write_beside
from eoras.model.weights import SHIPPED, WEIGHTS, find_model

__all__ = [
    "RESULTS",
    "digest_of",
    "expect_data_of_results",
    "holds_network",
    "model_of",
    "path_of",
    "read_result",
]

RESULTS = Path(__file__).parent / "results"


def path_of(results: Path, name: str, seed: int) -> Path:
    """Where the result of a row is, of one seed."""
    return results / f"{name}-{seed}.json"


def read_result(path: Path) -> dict[str, Any] | None:
    """The result in a file; None where there is none, or one of a configuration or a network that are gone."""
    if not path.is_file():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    name, seed = result["row"], result["seed"]
    try:
        current = name in ROWS and parse(Config, result.get("config"), path) == config_of(name, seed)
    except ConfigError:
        return None
    source = ROWS[name].weights if current else None
    if source == SHIPPED:
        current = result["weights"] == digest_of(find_model(SHIPPED))
    elif source is not None:
        asked = read_result(path_of(path.parent, source, seed))
        current = asked is not None and result["weights"] == asked["weights"]
    return result if current else None


def model_of(runs: Path, name: str, seed: int) -> Path:
    """The model folder of the network that a row asks: its own, another row's, or the shipped one."""
    trained = ROWS[name].weights or name
    return find_model(SHIPPED) if trained == SHIPPED else runs / f"{trained}-{seed}" / "model"


def digest_of(model: Path) -> str:
    """What tells the weights in a model folder from others."""
    return sha256_of(model / WEIGHTS)


def holds_network(runs: Path, results: Path, name: str, seed: int) -> bool:
    """Whether the network that a row's result is of lies there still."""
    result, model = read_result(path_of(results, name, seed)), model_of(runs, name, seed)
    return result is not None and (model / WEIGHTS).is_file() and digest_of(model) == result["weights"]


def expect_data_of_results(data: Path, results: Path) -> None:
    """Make sure that all results in a folder are of the same data, for they are compared video by video."""
    found = fingerprint(data, *(open_tracks(data, split, ViewConfig()) for split in ("train", "test")))
    path = results / "data.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != found:
        sys.exit(f"{results}: holds results of other data than those in {data}; name another folder with --results")
    results.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as beside:
        beside.write_text(json.dumps(found) + "\n", encoding="utf-8")
