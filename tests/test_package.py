import subprocess
import sys
from importlib.metadata import version

import pytest

import eoras


@pytest.mark.parametrize("name", eoras.__all__)
def test_each_public_name_can_be_had(name: str) -> None:
    assert getattr(eoras, name) is not None
    assert name in dir(eoras)


def test_the_version_is_that_of_the_installed_package() -> None:
    assert eoras.__version__ == version("eoras")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'EORAS'"):
        _ = eoras.EORAS  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, eoras; print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
