"""``python -m benchmarks [CASE ...]``: measure, print a table; after all cases write ``benchmarks/results.json``."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import best

_ROW = "{:22} {:24} {:>10} {:>10}"
_RESULTS = Path(__file__).parent / "results.json"

# The official research code on a CPU, PyTorch 2.14, 2 threads, 2026-11-22.
_OFFICIAL: dict[str, dict[str, float]] = {
    "forward float32": {"matrix_ratio": 1.14, "peak_memory_mb": 1280},
    "forward bfloat16": {"matrix_ratio": 0.78, "matrix_ratio_bfloat16": 1.6, "peak_memory_mb": 1385},
    "forward float32 kitti": {},
    "step float32": {"matrix_ratio": 4.3, "peak_memory_mb": 6120},
    "step bfloat16": {},
    "reading": {"decode_ratio": 5.3},
    "synthesis": {},
    "scoring": {},
    "prediction": {},
    "operations": {"operations": 7747, "gflop": 837.6},
    "eoras --help": {},
}


def main() -> None:
    """Each case in a process of its own, so that peak memory is its own; all, or those named as arguments."""
    cases = sys.argv[1:] or list(_OFFICIAL)
    if unknown := set(cases) - set(_OFFICIAL):
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(_OFFICIAL)}")
    results: dict[str, dict[str, Any]] = {}
    print(_ROW.format("case", "figure", "official", "ours"))
    for case in cases:
        print(f"measuring {case} ...", file=sys.stderr)
        results[case] = _measure(case)
        for name, value in results[case].items():
            print(_ROW.format(case, name, str(_OFFICIAL[case].get(name, "-")), str(value)), flush=True)
    machine = {"processor": _processor(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    if [*cases] != [*_OFFICIAL]:
        return  # the file is of one day and machine
    report = {"date": datetime.now(UTC).date().isoformat(), **machine, "official": _OFFICIAL, "ours": results}
    _RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {_RESULTS}", file=sys.stderr)


def _measure(case: str) -> dict[str, Any]:
    if case == "eoras --help":
        seconds = best(lambda: _run(["-m", "eoras", "--help"]), repeats=5)
        return {"seconds": round(seconds, 3)}
    own = ("reading", "operations", "synthesis", "scoring", "prediction")
    module, *words = case.split() if case in own else ("network", *case.split())
    return json.loads(_run(["-m", f"benchmarks.{module}", *words]))


def _run(words: list[str]) -> str:
    return subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def _processor() -> str:
    flags = torch.backends.cpu.get_cpu_capability()
    return f"{platform.processor() or platform.machine()}, {flags}"


if __name__ == "__main__":
    main()
