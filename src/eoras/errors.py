"""The errors a user can cause. Each message names the file, what was expected, what was found, and what to do."""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EorasError",
    "MemoryShortError",
    "PackageError",
    "RunError",
    "WorkerError",
]


class EorasError(Exception):
    """Base of every error with a message meant for the user; the command line prints it without a traceback."""

    exit_code = 2


class ConfigError(EorasError, ValueError):
    """A configuration file, an override or an argument is wrong."""


class DataError(EorasError, ValueError):
    """A data folder or one of its files is missing, damaged or inconsistent."""


class CheckpointError(EorasError, ValueError):
    """A model folder, a run folder or a checkpoint cannot be used."""


class PackageError(EorasError, ModuleNotFoundError):
    """A package of one of the project's extras is not installed."""

    @classmethod
    def of(cls, package: str | None, extra: str) -> "PackageError":
        """Name the package and the cure."""
        return cls(f"{package} is not installed; run: pip install 'eoras[{extra}]'")


class RunError(EorasError, RuntimeError):
    """A run that began well has failed: the loss is not finite, the disk is full."""

    exit_code = 1


class MemoryShortError(RunError):
    """A device has too little memory for what it was asked to do."""


class WorkerError(RunError):
    """A process that reads data, or scores, has died."""
