"""``eoras doctor``: what a bug report needs to say, and what is broken."""

import os
import platform
import re
import shutil
import tempfile
from importlib import import_module, metadata, resources
from json import dumps
from pathlib import Path
from types import ModuleType

from eoras.cli.options import Json

__all__ = ["doctor"]

Rows = dict[str, str]

_MODULES = {"pillow": "PIL.Image", "pycocotools": "pycocotools.mask", "pyyaml": "yaml"}  # where the names differ
_CODECS = {"h264": "rw", "hevc": "r", "vp9": "r", "av1": "r"}


def doctor(*, json: Json = False) -> int:
    """Show versions, devices, codecs, and where things are.

    Returns:
        0, or 1 if something that every verb needs is broken.
    """
    problems: list[str] = []
    packages = _packages()
    modules = {name: _load(name, problems) for name in packages[""]}
    report = {
        "versions": _versions(packages.pop("")),
        "extras": {extra: _extra(extra, names) for extra, names in packages.items()},
        "machine": _machine(modules["torch"]),
        "devices": _devices(modules["torch"]),
        "codecs": {name: _codec(modules["av"], name, modes) for name, modes in _CODECS.items()},
        "places": _places(modules["torch"], problems),
    }
    print(dumps(report | {"problems": problems}, indent=2) if json else _text(report, problems))
    return 1 if problems else 0


def _packages() -> dict[str, list[str]]:
    """The packages that are always needed, under the empty name, and those that each extra brings."""
    groups: dict[str, list[str]] = {"": []}
    for requirement in metadata.requires("eoras") or ():
        name, extra = re.findall(r"^([\w.-]+)(?:.*extra == .([\w-]+))?", requirement)[0]
        groups.setdefault(extra, []).append(name)
    return groups


def _load(package: str, problems: list[str]) -> ModuleType | None:
    try:
        return import_module(_MODULES.get(package, package))
    except Exception as error:  # a library that does not load raises what it likes
        problems.append(f"{package} cannot be imported: {error}; pip install --force-reinstall {package}")
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _versions(packages: list[str]) -> Rows:
    python = f"{platform.python_version()} ({platform.python_implementation()})"
    rows = {name: _version(name) or f"missing; pip install {name}" for name in packages}
    return {"eoras": metadata.version("eoras"), "python": python} | rows


def _extra(extra: str, packages: list[str]) -> str:
    return "installed" if all(map(_version, packages)) else f"missing; pip install 'eoras[{extra}]'"


def _machine(torch: ModuleType | None) -> Rows:
    rows = {"platform": platform.platform(), "cores": str(os.cpu_count())}
    if hasattr(os, "sysconf"):  # not on Windows
        rows["memory"] = _gibibytes(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if torch:
        able = getattr(torch.cpu, "get_capabilities", dict)()  # newer than the oldest torch that will do
        rows["processor"] = able.get("cpu_name") or platform.processor() or platform.machine()
        rows["instructions"] = torch.backends.cpu.get_cpu_capability()
        rows["bfloat16"] = ", ".join(name for name, has in able.items() if has and "bf16" in name) or "emulated"
        rows["threads"] = str(torch.get_num_threads())
    return rows


def _devices(torch: ModuleType | None) -> Rows:
    rows: Rows = {}
    if torch and torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            rows[f"cuda:{number}"] = f"{device.name}, {_gibibytes(device.total_memory)}, CUDA {torch.version.cuda}"
    return rows or {"cpu": "no accelerator found"}


def _codec(av: ModuleType | None, name: str, modes: str) -> str:
    verbs = {"r": "read", "w": "write"}
    return ", ".join(f"{verbs[mode]} {'ok' if _has_codec(av, name, mode) else 'missing'}" for mode in modes)


def _has_codec(av: ModuleType | None, name: str, mode: str) -> bool:
    try:
        return av is not None and bool(av.Codec(name, mode))
    except ValueError:
        return False


def _places(torch: ModuleType | None, problems: list[str]) -> Rows:
    package = Path(str(resources.files("eoras")))
    configs = sorted(path.stem for path in package.glob("configs/*.yaml"))
    if not configs:
        problems.append(f"{package / 'configs'}: no configuration found; pip install --force-reinstall eoras")
    temporary = tempfile.gettempdir()
    rows = {
        "package": str(package),
        "configurations": ", ".join(configs),
        "temporary files": f"{temporary}, {_gibibytes(shutil.disk_usage(temporary).free)} free",
    }
    return rows | ({"downloaded weights": torch.hub.get_dir()} if torch else {})


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _text(report: dict[str, Rows], problems: list[str]) -> str:
    """Sections of aligned rows, and what is wrong."""
    width = max(len(name) for rows in report.values() for name in rows)
    lines: list[str] = []
    for section, rows in report.items():
        lines += [section, *(f"  {name:<{width}}  {value}" for name, value in rows.items()), ""]
    lines += [f"problem: {problem}" for problem in problems] or ["no problems found"]
    return "\n".join(lines)
