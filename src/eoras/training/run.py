"""Run folders: everything needed to go on with a training, or to know what it was."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from eoras.config import Config, describe, load_config
from eoras.errors import CheckpointError, ConfigError
from eoras.files import write_beside

__all__ = ["Run"]

_CONFIG, _ORIGIN = "config.yaml", "run.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A folder with ``config.yaml`` (resolved), ``run.json`` (where its data lie), ``log.jsonl`` and checkpoints.

    Attributes:
        folder: where it lies.
        config: what is trained, and how.
        data: the data folder; None if it was never said, as after a conversion.
    """

    folder: Path
    config: Config
    data: Path | None

    @classmethod
    def create(cls, folder: Path, config: Config, data: Path | None) -> "Run":
        """Begin a run in a folder that does not exist or is empty.

        Raises:
            ConfigError: there is something in the folder.
            RunError: it cannot be written.
        """
        run = cls.plan(folder, config, data)
        run.write_config()
        with write_beside(folder / _ORIGIN) as path:
            path.write_text(
                json.dumps({"data": str(run.data) if run.data else None}, indent=2) + "\n", encoding="utf-8"
            )
        return run

    @classmethod
    def plan(cls, folder: Path, config: Config, data: Path | None) -> "Run":
        """A run that could begin in a folder; nothing is written.

        Raises:
            ConfigError: there is something in the folder.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(
                f"{folder}: expected a new or empty folder for the run, found something in it; "
                f"go on with 'eoras train --resume {folder}' or choose another --out"
            )
        return cls(folder=folder, config=config, data=data and data.resolve())

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
            data = json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["data"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise CheckpointError(f"{folder / _ORIGIN}: a damaged run folder ({error}); restore the file") from None
        config = load_config(str(folder / _CONFIG), overrides)
        return cls(folder=folder, config=config, data=Path(data) if data else None)

    def write_config(self) -> None:
        """Put the configuration, as it now is, into the folder.

        Raises:
            RunError: it cannot be written.
        """
        with write_beside(self.folder / _CONFIG) as path:
            path.write_text(yaml.safe_dump(describe(self.config), sort_keys=False), encoding="utf-8")
