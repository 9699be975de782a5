"""How fast is each engine of the scattering transform, next to kymatio 0.3.0 and to the limit that the FFTs set?

Same outputs on the same grids as kymatio (agreement to 1e-5 is asserted), all candidates interleaved in one process,
one thread. A ratio is kymatio's time over skmst's in the same repeat: its median, and the range over the repeats.
Times are CPU time per sample (wall time for two threads). kymatio takes a batch in pieces of at most 2**18 points,
which its caches like best. "limit": time over that of the Fourier transforms alone at the best rate of our own FFT.

    OMP_NUM_THREADS=1 python benchmarks/scattering_engines.py [--quick] [--rows 2d 1d 3d gradient ...] [--write FILE]

Writes reST tables, such as those in docs/user_guide/performance.rst.
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import ctypes
import math
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from kymatio_grids import KymatioGrid, Workload, disagreement, fft_operations, harmonic_operations

from skmst.scattering import adjoint, cascade, engines
from skmst.scattering.engines import compiled

PIECE = 2**18  # points that kymatio gets at once
PRECISIONS = (np.float64, np.float32)
MISSING = "-"


def workloads():
    """The transforms of the table by group, with the targets for float64 and float32."""
    small = [Workload((n, n), 3, b, targets=(6, 12)) for n in (64, 128) for b in (1, 16, 64)]
    large = [Workload((n, n), J, 4, targets=(5, 10)) for n, J in ((256, 3), (256, 5), (512, 4))]
    long = [(4096, 8), (16384, 8), (65536, 10)]
    line = [Workload((n,), J, b, (8, 1), targets=(5, 10)) for n, J in long for b in (1, 16, 128)]
    pairs = [Workload((n,), J, 16, (8, 2), targets=(5, 10)) for n, J in long]
    coarse = [Workload((4096,), 6, 1, targets=(4, 6))]
    solid = [Workload((n,) * 3, 2, b, L=3, targets=(5, 8)) for n, b in ((32, 4), (64, 1))]
    return {"2d": small + large, "1d": line + pairs + coarse, "3d": solid}


def interleaved(functions, repeats, clock=time.process_time, least=0.02):
    """Seconds per call of each function, one array of `repeats` each; short calls are timed many at a time."""
    calls = {}
    for name, function in functions.items():
        function()  # plans, and fills the caches
        start = time.perf_counter()
        function()
        calls[name] = max(1, math.ceil(least / max(time.perf_counter() - start, 1e-6)))
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = clock()
            for _ in range(calls[name]):
                function()
            times[name].append((clock() - start) / calls[name])
    return {name: np.array(found) for name, found in times.items()}


def ratio(numerator, denominator, target=0.0):
    """``5.31 (5.1-5.5)``: median and range of a ratio over the repeats, with a mark where it misses its target."""
    values = numerator / denominator
    digits = 1 if np.median(values) >= 1 else 2
    text = f"{np.median(values):.{digits}f} ({values.min():.{digits}f}-{values.max():.{digits}f})"
    return text + ("" if not target else f", target {target:g}" + (" missed" if np.median(values) < target else ""))


def runner(workload, dtype, engine, x, n_jobs=None):
    """The transform of a workload by one engine, as a function without arguments that returns the coefficients."""
    if workload.is_harmonic:
        setting = workload.setting()
        return lambda: setting.forward(x, n_jobs=n_jobs)
    plan = workload.plan(dtype)
    out = np.ones((len(x), plan.n_paths, *plan.setting.output_grid), dtype)  # its pages are taken now
    if cascade.runs_compiled(plan, engine):
        compiled.program_of(plan)  # part of the plan

    def run():
        cascade.scatter_planned(plan, x, out, engine=engine, n_jobs=n_jobs)
        return out

    return run


def piece_of(x):
    return x[: max(1, PIECE // math.prod(x.shape[1:]))]


def torch_transform(workload):
    """kymatio on torch, one thread: a function of float32 tensors; None where torch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    import kymatio.torch

    torch.set_num_threads(1)
    return workload.kymatio(kymatio.torch)


def limit(workload, dtype, rates):
    """Seconds that the Fourier transforms of one field take at the best rate."""
    operations = harmonic_operations(workload) if workload.is_harmonic else fft_operations(workload.plan(dtype))
    return operations / rates[dtype] if rates else None


def best_rates():
    """Operations per second of the compiled engine's fastest FFT, by precision; empty where there is no such engine."""
    module = engines.compiled_module()
    return {} if module is None else {dtype: module.fft_rate(np.dtype(dtype)) for dtype in PRECISIONS}


def compare(workload, repeats):
    """One row of the main table."""
    x = workload.fields()
    theirs, piece = workload.kymatio(), piece_of(x)
    expected = theirs(piece)
    functions, samples = {"kymatio": lambda: theirs(piece)}, {"kymatio": len(piece)}
    on_torch = torch_transform(workload)
    if on_torch is not None:
        import torch

        tensor = torch.from_numpy(piece.astype(np.float32))
        functions["torch"], samples["torch"] = lambda: on_torch(tensor), len(piece)
    for engine in ("auto",) if workload.is_harmonic else engines.available():
        for dtype in PRECISIONS:
            # numpy's engine works in chunks: a piece says what the batch would
            fields = (piece if engine == "numpy" else x).astype(dtype)
            run = runner(workload, dtype, engine, fields)
            error = disagreement(run()[: len(piece)], expected, workload)
            assert error < 1e-5, f"{workload}, {engine}, {dtype.__name__}: {error:.1e} from kymatio"
            functions[engine, dtype], samples[engine, dtype] = run, len(fields)
    times = {name: t / samples[name] for name, t in interleaved(functions, repeats).items()}
    return _row(workload, times, best_rates())


def _row(workload, times, rates):
    own = times["kymatio"]
    row = {"workload": str(workload), "kymatio, ms": f"{np.median(own) * 1e3:.1f}"}
    row["kymatio torch32"] = ratio(own, times["torch"]) if "torch" in times else MISSING
    fast = "auto" if workload.is_harmonic else "compiled"
    for engine, targets in {fast: workload.targets, **({} if workload.is_harmonic else {"numpy": (1.5, 2.5)})}.items():
        for dtype, target in zip(PRECISIONS, targets, strict=True):
            found = times.get((engine, dtype))
            row[f"{engine} {np.dtype(dtype).name}"] = MISSING if found is None else ratio(own, found, target)
    for dtype in PRECISIONS:
        found = times.get((fast, dtype))
        title = f"over limit {np.dtype(dtype).name}"
        row[title] = (
            MISSING if found is None or not rates else f"{np.median(found) / limit(workload, dtype, rates):.2f}"
        )
    return row


def default_grids(repeats):
    """skmst's own grids, within 1e-3 of the definition, with four output points per averaging scale and axis."""
    rows = []
    for w in (Workload((64, 64), 3, 16), Workload((256, 256), 5, 4), Workload((4096,), 8, 16, (8, 1))):
        x, theirs = w.fields(), w.kymatio()
        functions = {"kymatio": lambda theirs=theirs, x=x: theirs(x)}
        extra = 0 if len(w.shape) == 1 else 1  # what oversampling="auto" comes to
        for boundary in ("periodic", "reflect"):
            setting = w.setting(boundary=boundary, oversampling=extra, output_step=2**w.J // 4)
            for dtype in PRECISIONS:
                fields = x.astype(dtype)
                functions[boundary, dtype] = lambda setting=setting, fields=fields: setting.forward(fields)
        times = interleaved(functions, repeats)
        own = times.pop("kymatio")
        named = {f"{name} {np.dtype(dtype).name}": ratio(own, t) for (name, dtype), t in times.items()}
        rows.append({"workload": str(w), **named})
    return rows


def gradients(repeats):
    """Forward and adjoint over forward and backward of kymatio on torch."""
    rows = []
    for w in (Workload((128, 128), 3, 16), Workload((4096,), 8, 16, (8, 1)), Workload((32,) * 3, 2, 1, L=3)):
        functions = {}
        for dtype in PRECISIONS:
            if (on_torch := torch_transform(w)) is None:
                return rows
            functions["torch", dtype] = _torch_both(on_torch, w, dtype)
            functions["own", dtype] = _own_both(w, dtype)
        times = interleaved(functions, repeats)
        row = {"workload": str(w), "kymatio.torch, ms": f"{np.median(times['torch', np.float32]) / w.batch * 1e3:.1f}"}
        for dtype in PRECISIONS:
            row[np.dtype(dtype).name] = ratio(times["torch", dtype], times["own", dtype], 5)
        rows.append(row)
    return rows


def _torch_both(transform, workload, dtype):
    import torch

    x = torch.from_numpy(workload.fields(dtype)).requires_grad_()
    transform.to(x.dtype)

    def run():
        x.grad = None
        transform(x).sum().backward()

    return run


def _own_both(workload, dtype):
    x = workload.fields(dtype)
    forward = runner(workload, dtype, "auto", x)
    ones = np.ones_like(forward())
    if workload.is_harmonic:
        setting = workload.setting()
        return lambda: (forward(), setting.pullback(x, ones))
    plan, back = workload.plan(dtype), np.empty_like(x)
    return lambda: (forward(), adjoint.pull_planned(plan, x, ones, back))


def threads(repeats):
    """Two threads over one, wall time; None is one thread."""
    rows = []
    for w in (Workload((64, 64), 3, 64), Workload((256, 256), 3, 16), Workload((16384,), 8, 16, (8, 1))):
        row = {"workload": str(w)}
        for dtype in PRECISIONS:
            x = w.fields(dtype)
            functions = {n: runner(w, dtype, "auto", x, n_jobs=n) for n in (1, 2)}
            times = interleaved(functions, repeats, time.perf_counter)
            row[f"two threads over one, {np.dtype(dtype).name}"] = ratio(times[1], times[2], 1.8)
        rows.append(row)
    return rows


def builds(repeats):
    """A new plan over kymatio's filter bank, and a plan of an equal setting, as a clone of an estimator asks for it."""
    w = Workload((256, 256), 3, 1)
    x = w.fields()
    functions = {
        "kymatio": w.kymatio,
        "own": lambda: KymatioGrid(w, np.dtype(np.float64)).plan(),
        "again": lambda: cascade.plan_for(x, w.setting()),
    }
    times = interleaved(functions, min(repeats, 3))
    return [
        {
            "workload": "256x256, J=3, L=8",
            "kymatio's filter bank, s": f"{np.median(times['kymatio']):.2f}",
            "plan": ratio(times["kymatio"], times["own"], 25),
            "plan of a clone, ms": f"{np.median(times['again']) * 1e3:.3f}",
        }
    ]


def memory(repeats):
    """Peak memory beyond the plan, the input and the output, in fresh processes; MB, 10**6 bytes."""
    del repeats  # one fresh process says it
    rows = []
    for shape, J, Q in (((256, 256), 3, (1, 1)), ((16384,), 8, (8, 1)), ((65536,), 10, (8, 1))):
        row = {"workload": str(Workload(shape, J, 1, Q)).rsplit(",", 1)[0]}
        for batch, n_jobs in ((1, 1), (16, 1), (64, 1), (64, 2)):
            command = [sys.executable, __file__, "--peak-of", *map(str, (*shape, J, *Q, batch, n_jobs))]
            peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            verdict = " missed" if peak > 20 * n_jobs else ""
            row[f"batch {batch}, {n_jobs} thread{'s' * (n_jobs > 1)}"] = f"{peak:.1f}, target {20 * n_jobs}{verdict}"
        rows.append(row)
    return rows


def peak_of(*numbers):
    """The high-water mark of this process during a transform, above what was there before it (Linux)."""
    *shape, J, Q1, Q2, batch, n_jobs = numbers
    w = Workload(tuple(shape), J, batch, (Q1, Q2))
    x = w.fields(np.float32)
    run = runner(w, np.float32, "auto", x, n_jobs)
    Parallel(n_jobs, prefer="threads")(delayed(int)() for _ in range(n_jobs))  # joblib's own modules
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is given back, or the transform would hide in it
    Path("/proc/self/clear_refs").write_text("5")  # the mark starts again at what is in use
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) * 1024 / 1e6


def _status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def table(rows):
    """Rows of one kind as a reST list-table."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: table-sm", ""]
    for cells in ([*rows[0]], *(list(row.values()) for row in rows)):
        cells = [re.sub(r", target.*", "", cell) for cell in cells]  # those are for whoever works on the engine
        lines += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(cells)]
    return "\n".join([*lines, ""])


def show(rows):
    for row in rows:
        print("  ".join(f"{name}: {value}" if i else value for i, (name, value) in enumerate(row.items())), flush=True)


GROUPS = {"gradient": gradients, "threads": threads, "build": builds, "memory": memory, "defaults": default_grids}
TITLES = {
    "2d": "Two dimensions: kymatio's time over skmst's",
    "1d": "One dimension: kymatio's time over skmst's",
    "3d": "Solid harmonics: kymatio's time over skmst's",
    "gradient": "Forward and adjoint: time of kymatio.torch, forward and backward, over skmst's",
    "threads": "Two threads",
    "build": "Making a plan",
    "memory": "Peak memory beyond plan, input and output, float32, MB",
    "defaults": "skmst's default sampling: kymatio's time over skmst's",
}


def measure(group, repeats):
    if group in GROUPS:
        rows = GROUPS[group](repeats)
        show(rows)
        return rows
    rows = []
    for workload in workloads()[group]:
        rows.append(compare(workload, repeats))
        show(rows[-1:])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three repeats instead of seven")
    parser.add_argument("--rows", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument("--write", type=Path, help="write the tables to this file, as reST")
    parser.add_argument("--peak-of", nargs="+", type=int, help=argparse.SUPPRESS)  # what `memory` runs
    arguments = parser.parse_args()
    if arguments.peak_of:
        print(peak_of(*arguments.peak_of))
        return
    print(f"engine: {engines.instruction_set() or 'numpy'}")
    text = []
    for group in arguments.rows:
        print(f"\n{TITLES[group]}")
        rows = measure(group, 3 if arguments.quick else 7)
        text += [f".. rubric:: {TITLES[group]}", "", table(rows)] if rows else []
        if arguments.write:
            arguments.write.write_text("\n".join(text))


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # kymatio's own
    main()
