import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eoras.data.pickles import read_pickle
from eoras.errors import DataError

PLAIN = {
    "a": {1: [2, 3.5, True, None, (4, b"\xff\x00", bytearray(b"x")), {5}, frozenset({6}), 2**70, 1j]},
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "column-major": np.asfortranarray(np.eye(3, dtype=bool)),
    "numbers": [np.float32(2.5), np.int64(7), np.bool_(True)],
}


class Runs:
    """Would touch a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def assert_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    else:
        assert one == other


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_arrays_come_back_as_they_were_under_every_protocol(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(PLAIN, protocol))
    assert_equal(read_pickle(path), PLAIN)


def test_arrays_of_older_and_newer_numpy_are_known(tmp_path: Path) -> None:
    path, data = tmp_path / "a.pkl", pickle.dumps(PLAIN["array"], 2)
    for ours, other in ((b"numpy._core.multiarray", b"numpy.core.multiarray"), (b"numpy.core", b"numpy._core")):
        path.write_bytes(data.replace(ours, other))
        np.testing.assert_array_equal(read_pickle(path), PLAIN["array"])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_code_is_refused_by_name_and_nothing_runs(protocol: int, tmp_path: Path) -> None:
    path, touched = tmp_path / "train_data.pkl", tmp_path / "touched"
    path.write_bytes(pickle.dumps({"video": {4: {0: Runs(touched)}}}, protocol))
    with pytest.raises(DataError, match=rf"train_data\.pkl: .* would call {os.name}\.system; nothing of it was run"):
        read_pickle(path)
    assert not touched.exists()
    pickle.loads(path.read_bytes())
    assert touched.exists()  # so the file was a real one


@pytest.mark.parametrize(
    ("data", "named"),
    [
        pytest.param(b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval", id="eval"),
        pytest.param(b"(S'true'\nios\nsystem\n.", "os.system", id="inst"),
        pytest.param(b"cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile", id="numpy"),
        pytest.param(b"cnumpy\nndarray.tofile\n.", "numpy.ndarray.tofile", id="dotted"),
        pytest.param(b"cnumpy._core.numeric.os\nsystem\n.", "numpy._core.numeric.os.system", id="module"),
        pytest.param(pickle.dumps(OrderedDict(a=1)), "collections.OrderedDict", id="container-of-another-kind"),
        pytest.param(pickle.dumps(Path("/")), "pathlib", id="path"),
        pytest.param(pickle.dumps(read_pickle), "eoras.data.pickles.read_pickle", id="own-function"),
    ],
)
def test_whatever_is_not_on_the_list_is_refused_by_name(data: bytes, named: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    assert f"would call {named}" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param(b"cnumpy\nndarray\n.", "type", id="admitted-class"),
        pytest.param(pickle.dumps([np.array([{}, "a"], dtype=object)]), "array of object", id="objects"),
        pytest.param(pickle.dumps({np.dtype("int8"): 1}), "Int8DType", id="dtype"),
        pytest.param(pickle.dumps(np.array(["2011-09-26"], "M8[D]")[0]), "datetime64", id="date"),
    ],
)
def test_what_is_not_a_plain_value_is_refused(data: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.pkl: expected containers, .*, found {found}"):
        read_pickle(path)


def test_a_pickle_cannot_change_what_later_ones_are_read_with(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for function in (b"numpy._core.numeric\n_frombuffer", b"_codecs\nencode"):
        path.write_bytes(b"c" + function + b"\n(N(dS'__defaults__'\n(I1\nI2\ntstb0N.")  # sets its __defaults__
        assert read_pickle(path) is None
        for protocol in (2, 5):
            path.write_bytes(pickle.dumps(PLAIN, protocol))
            assert_equal(read_pickle(path), PLAIN)
    from_buffer: Any = np.empty(0).__reduce_ex__(5)[0]
    assert from_buffer.__defaults__ != (1, 2)


def test_a_container_that_holds_itself_is_read_to_an_end(tmp_path: Path) -> None:
    knot: list[Any] = []
    knot.append(knot)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(knot))
    assert len(read_pickle(path)) == 1


def test_a_pickle_cut_off_anywhere_is_an_error_that_names_it(tmp_path: Path) -> None:
    path, data = tmp_path / "a.pkl", pickletools.optimize(pickle.dumps(PLAIN))
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"a\.pkl: expected a whole pickle, found a truncated or damaged one"):
            read_pickle(path)


def test_files_that_are_no_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for data in (b"hello", b"\x80\x63.", b"\x80\x04\x8c\x05hello\x51."):  # the last asks for something outside
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.pkl: expected a whole pickle"):
            read_pickle(path)
    with pytest.raises(DataError, match=r"b\.pkl: expected a pickle, found no such file"):
        read_pickle(tmp_path / "b.pkl")
    with pytest.raises(DataError, match=r"expected a whole pickle"):
        read_pickle(tmp_path)
