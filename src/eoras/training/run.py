"""Run folders: everything needed to go on with a training, or to know what it was."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from eoras.config import Config
from eoras.config_files import describe, load_config
from eoras.errors import CheckpointError, ConfigError
from eoras.files import LOCK, find_parts, write_beside

__all__ = ["Run"]

_CONFIG, _PLACES = "config.yaml", "run.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A folder with ``config.yaml`` (resolved), ``run.json`` (where its data lie), ``log.jsonl`` and checkpoints.

    Attributes:
        folder: where it lies.
        config: what is trained, and how.
        data: the data folder; None if it was never said, as after a conversion.
        cache: where decoded images lie; None for their place in the data folder.
        first_weights: what its first weights were, if not random ones.
    """

    folder: Path
    config: Config
    data: Path | None
    cache: Path | None = None
    first_weights: str | None = None

    @classmethod
    def create(
        cls,
        folder: Path,
        config: Config,
        data: Path | None,
        cache: Path | None = None,
        *,
        first_weights: str | None = None,
        save_first: Callable[[], object] = lambda: None,
    ) -> "Run":
        """Begin a run in a folder that does not exist or is empty, or holds what a process killed in here has left.

        Args:
            folder: where.
            config: what is trained, and how.
            data: the data folder, if it is known.
            cache: where decoded images lie (see ``MoviTracks``).
            first_weights: what its first weights are, if not random ones.
            save_first: writes into the folder what the run must not go on without, such as a first checkpoint.

        Raises:
            ConfigError: there is something in the folder.
            RunError: it cannot be written.
        """
        run = replace(cls.plan(folder, config, data, cache), first_weights=first_weights)
        run.write_places()
        save_first()
        run.write_config()  # last: a folder without it is no run yet
        return run

    @classmethod
    def plan(cls, folder: Path, config: Config, data: Path | None, cache: Path | None = None) -> "Run":
        """A run that could begin in a folder; nothing is written.

        Raises:
            ConfigError: there is something in the folder.
        """
        if folder.exists() and not (folder.is_dir() and _holds_no_run(folder)):
            raise ConfigError(
                f"{folder}: expected a new or empty folder for the run, found something in it; "
                f"go on with 'eoras train --resume {folder}' or choose another --out"
            )
        return cls(folder=folder, config=config, data=data and data.resolve(), cache=cache and cache.resolve())

    @classmethod
    def open(cls, folder: Path, overrides: Sequence[str] = ()) -> "Run":
        """Open an existing run; ``overrides``, ``training.a=value`` each, change its configuration but not the file.

        Raises:
            CheckpointError: a file is missing or damaged.
            ConfigError: the configuration or an override is not valid.
        """
        if not (folder / _CONFIG).is_file():
            raise CheckpointError(
                f"{folder}: expected a run folder with {_CONFIG}, found none; "
                "name the folder that 'eoras train --out' made"
            )
        try:
            places = json.loads((folder / _PLACES).read_text(encoding="utf-8"))
            data, cache = (Path(places[name]) if places[name] else None for name in ("data", "cache"))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise CheckpointError(f"{folder / _PLACES}: a damaged run folder ({error}); restore the file") from None
        config = load_config(str(folder / _CONFIG), overrides)
        return cls(folder=folder, config=config, data=data, cache=cache, first_weights=places.get("first_weights"))

    def write_config(self) -> None:
        """Put the configuration, as it now is, into the folder.

        Raises:
            RunError: it cannot be written.
        """
        with write_beside(self.folder / _CONFIG) as path:
            path.write_text(yaml.safe_dump(describe(self.config), sort_keys=False), encoding="utf-8")

    def write_places(self) -> None:
        """Put where data and cache now are, and where the first weights came from, into the folder.

        Raises:
            RunError: it cannot be written.
        """
        found = {"data": self.data, "cache": self.cache}
        places = {name: str(path.resolve()) if path else None for name, path in found.items()}
        places["first_weights"] = self.first_weights
        with write_beside(self.folder / _PLACES) as path:
            path.write_text(json.dumps(places, indent=2) + "\n", encoding="utf-8")


def _holds_no_run(folder: Path) -> bool:
    """Whether a folder is empty, but for what a process has left that was killed before it had begun a run."""
    names = {path.name for path in {*folder.iterdir()} - {*find_parts(folder)}} - {LOCK}
    return not names or _PLACES in names <= {_PLACES, "checkpoints"}
