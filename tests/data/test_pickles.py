import os
import pickle
import pickletools
import subprocess
import sys
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
        pytest.param(pickle.dumps([np.array([{}, "a"], dtype=object)]), "values of the dtype 'O8'", id="objects"),
        pytest.param(pickle.dumps({np.dtype("int8"): 1}), "Int8DType", id="dtype"),
        pytest.param(pickle.dumps(np.array(["2011-09-26"], "M8[D]")[0]), "values of the dtype 'M8'", id="date"),
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
        with pytest.raises(DataError, match=r"a\.pkl: expected a whole pickle, .* found function"):
            read_pickle(path)
        for protocol in (2, 5):
            path.write_bytes(pickle.dumps(PLAIN, protocol))
            assert_equal(read_pickle(path), PLAIN)
    from_buffer: Any = np.empty(0).__reduce_ex__(5)[0]
    assert from_buffer.__defaults__ != (1, 2)


def as_text(data: bytes) -> bytes:
    """Bytes, as the pickles of old protocols hold them."""
    return b"c_codecs\nencode\n(S'" + data + b"'\nS'latin1'\ntR"


ARRAY, DTYPE = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR", b"cnumpy\ndtype\n(S'%s'\ntR"
STATE = b"(I3\nS'<'\nNNNI%d\nI1\nI0\ntb"  # of a dtype of another length
EIGHT = as_text(b"A" * 8)
POINTERS = b"((I1\ntS'O'\n" + EIGHT + b"t"  # what ndarray would be called with
FILLED = ARRAY + b"(I1\n(I1\nt" + DTYPE % b"S1" + b"p1\nI00\n" + as_text(b"A") + b"tb"
ATTACKS = {
    "a set of pointers": b"c__builtin__\nset\n(cnumpy\nndarray\n" + POINTERS + b"RtR.",
    "pointers by REDUCE": b"cnumpy\nndarray\n" + POINTERS + b"R.",
    "pointers by INST": POINTERS[:-1] + b"inumpy\nndarray\n.",
    "pointers by OBJ": b"(cnumpy\nndarray\n" + POINTERS[1:-1] + b"o.",
    "pointers by NEWOBJ": b"cnumpy\nndarray\n" + POINTERS + b"\x81.",
    "pointers by NEWOBJ_EX": b"cnumpy\nndarray\n" + POINTERS + b"}\x92.",
    "pointers by BUILD": ARRAY + b"(I1\n(I1\nt" + DTYPE % b"O8" + b"I00\n" + EIGHT + b"tb.",
    "a longer value": FILLED + b"p2\n0g1\n" + STATE % 10**6 + b"0g2\nI0\nS'" + b"B" * 10**6 + b"'\ns.",
    "another length": FILLED + b"p2\n0g1\n" + STATE % 10**6 + b"0g2\n.",
    "another value": FILLED + b"I0\nS'B'\ns.",
    "a byte more": b"c__builtin__\nbytearray\n(tRI65\na.",
    "more values than bytes": ARRAY + b"(I1\n(I100000000\nt" + DTYPE % b"i8" + b"I00\n" + EIGHT + b"tb.",
    "a view of an array": b"cnumpy.core.numeric\n_frombuffer\n(" + FILLED + DTYPE % b"S1" + b"(I1\ntS'C'\ntR.",
    "a text as bytes again and again": b"(V"
    + b"A" * 10**5
    + b"\np1\n"
    + b"c_codecs\nencode\n(g1\nVlatin1\ntR" * 2000
    + b"t.",
    "4 GiB of nothing": b"c__builtin__\nbytearray\n(I%d\ntR." % 2**32,
    "4 GiB that are not there": b"\x80\x05\x96" + (2**32).to_bytes(8, "little") + b".",
}
READ_EACH = """
import resource, sys
from pathlib import Path
from eoras.data.pickles import read_pickle
from eoras.errors import DataError
for name in sys.argv[1:]:
    print(name, flush=True)
    try:
        read_pickle(Path(name))
    except DataError as error:
        assert name in str(error) and "expected" in str(error), error
    else:
        sys.exit("was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_no_pickle_reaches_into_memory_or_fills_it(tmp_path: Path) -> None:
    for name, data in ATTACKS.items():
        (tmp_path / name).write_bytes(data)
    # In a process of its own, that would die of it.
    run = subprocess.run(
        [sys.executable, "-c", READ_EACH, *(str(tmp_path / name) for name in ATTACKS)], capture_output=True, text=True
    )
    assert run.returncode == 0, (run.returncode, run.stdout, run.stderr)
    assert int(run.stdout.splitlines()[-1]) < 2**21  # kibibytes, most of them torch's


def test_byte_orders_and_strings_of_arrays_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    values = [np.arange(3, dtype=">u2"), np.array(["a", "bc"]), np.array([b"a", b"bc"]), np.str_(""), np.zeros((0, 3))]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(values, protocol))
        for one, other in zip(read_pickle(path), pickle.loads(path.read_bytes()), strict=True):
            assert_equal(one, other)
    path.write_bytes(ARRAY + b"(I1\n(I1\nt" + DTYPE % b"S1" + STATE % -1 + b"I00\n" + as_text(b"A") + b"tb.")
    assert_equal(read_pickle(path), np.array([b"A"]))  # its length is that of its name


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
