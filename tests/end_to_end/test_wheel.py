"""The wheel, installed where the source tree is out of sight."""

import ast
import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "eoras"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that holds the wheel; the tests' own environment lends it the packages it needs."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", str(wheel)], folder
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    packages.joinpath("lent.pth").write_text(
        sysconfig.get_path("purelib")
    )  # last on the path, its own .pth files unread
    return folder


def run(command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def python(clean: Path, code: str) -> str:
    return run([str(clean / "bin" / "python"), "-I", "-W", "error", "-c", code], clean).strip()


def test_the_wheel_holds_the_package_and_its_terms_and_nothing_else(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == {f"eoras/{path.relative_to(SOURCE)}" for path in SOURCE.rglob("*") if is_shipped(path)}
    assert "eoras/py.typed" in held
    terms = {name.rpartition("/")[2] for name in zipfile.ZipFile(wheel).namelist() if "/licenses/" in name}
    assert terms == {"LICENSE", "NOTICE"}


def is_shipped(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_the_package_comes_from_the_wheel(clean: Path) -> None:
    assert clean in Path(python(clean, "import eoras; print(eoras.__file__)")).parents


def test_every_shipped_configuration_loads(clean: Path) -> None:
    code = "from eoras.config_files import *; print(*[name for name in shipped_configs() if load_config(name)])"
    assert python(clean, code).split() == sorted(path.stem for path in SOURCE.glob("configs/*.yaml"))


def test_a_network_answers(clean: Path) -> None:
    code = """
import torch
from eoras import EoRaS, ModelConfig
config = ModelConfig(backbone_width=16, backbone_depths=(1, 1, 1, 1), pyramid_channels=16, bev_channels=(16,), width=16,
    feedforward=16, num_slots=2, num_layers=1, num_heads=2)
masks = EoRaS(config).eval()(torch.rand(1, 2, 3, 128, 128), torch.eye(3).expand(1, 2, 3, 3))
print(*masks.amodal.shape)
"""
    assert python(clean, code) == "1 2 121 121"


def test_the_command_runs(clean: Path) -> None:
    command = str(clean / "bin" / "eoras")
    assert run([command, "--version"], clean).strip() == version("eoras")
    report = json.loads(run([command, "doctor", "--json"], clean))
    assert clean in Path(report["places"]["package"]).parents


def test_what_the_package_imports_it_also_declares(wheel: Path) -> None:
    needed, optional = declared(wheel)
    homes = packages_distributions()
    for path in SOURCE.rglob("*.py"):
        for module, when_used in imports(ast.parse(path.read_text())):
            if module in sys.stdlib_module_names or module == "eoras":
                continue
            packages = {normal(name) for name in homes.get(module, [module])}  # a single library has no home
            assert packages & (needed | optional if when_used else needed), f"{path} imports {module}"


def declared(wheel: Path) -> tuple[set[str], set[str]]:
    """Packages that the wheel always needs, and those that its extras for users bring."""
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    pattern = r"^Requires-Dist: ([\w.-]+)(?:.*extra == .([\w-]+))?"
    found = re.findall(pattern, archive.read(metadata).decode(), re.MULTILINE)
    needed = {normal(name) for name, extra in found if not extra}
    return needed, {normal(name) for name, extra in found if extra and extra != "test"}


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def imports(tree: ast.AST, minded: bool = False) -> Iterator[tuple[str, bool]]:
    """Top-level names of the modules that a file imports, and whether their absence does no harm at first.

    So it is within a function, a ``try`` or ``if TYPE_CHECKING``.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], minded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0], minded
        else:
            yield from imports(node, minded or isinstance(node, ast.FunctionDef | ast.Try | ast.If))
