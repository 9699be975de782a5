"""The best engine that was built and that this CPU can run executes transforms, unless another is asked for."""

import importlib
import os
import platform
import subprocess
import sys
import types
from pathlib import Path

import pytest

from skmst.scattering import engines

V2 = {"SSE42", "POPCNT"}
V3 = V2 | {"AVX2", "FMA3", "F16C"}
V4 = V3 | {"AVX512_SKX"}


@pytest.fixture
def machine(monkeypatch):
    """A pretended machine: say what the CPU has, what was built, and which modules are broken."""

    def pretend(features=V4, built=("v4", "v3", "v2"), broken=(), choice=""):
        def load(name):
            short = next(s for s, (module, *_) in engines.MODULES.items() if name.endswith(module))
            if short in broken:
                raise ImportError(f"{name}: undefined symbol")
            return types.ModuleType(name)

        monkeypatch.setattr(engines, "_cpu_features", lambda: set(features))
        monkeypatch.setattr(engines, "_is_built", lambda name: name in built)
        monkeypatch.setattr(engines, "import_module", load)
        monkeypatch.setenv(engines.VARIABLE, choice)
        engines._selected.cache_clear()

    yield pretend
    engines._selected.cache_clear()


@pytest.mark.parametrize(
    ("features", "built", "best"),
    [
        (V4, ("v4", "v3", "v2"), "x86-64-v4"),
        (V3, ("v4", "v3", "v2"), "x86-64-v3"),
        (V2, ("v4", "v3", "v2"), "x86-64-v2"),
        (V4, ("v2",), "x86-64-v2"),
        (V4 - {"FMA3"}, ("v4", "v3", "v2"), "x86-64-v2"),
        ({"ASIMD"}, ("neon",), "neon"),
    ],
)
def test_best_module_that_the_cpu_runs_is_chosen(machine, features, built, best):
    machine(features, built)
    assert engines.instruction_set() == best
    assert engines.available() == ("numpy", "compiled")


def test_runnable_modules_are_built_and_fit_the_cpu(machine):
    machine(features=V3, built=("v4", "v2", "v3"))
    assert engines.runnable() == ("v3", "v2")


@pytest.mark.parametrize(("features", "built"), [(V4, ()), (set(), ("v4", "v3", "v2")), (V4, ("neon",))])
def test_numpy_serves_where_nothing_runs(machine, features, built):
    machine(features, built)
    assert engines.available() == ("numpy",)
    assert engines.instruction_set() is None


def test_broken_module_is_skipped_with_one_warning(machine):
    machine(broken=("v4",))
    with pytest.warns(RuntimeWarning, match="x86-64-v4 does not load") as caught:
        assert engines.instruction_set() == "x86-64-v3"
    assert len(caught) == 1
    assert engines.available() == ("numpy", "compiled")  # a second warning would be an error


def test_engine_is_loaded_once(machine):
    machine()
    assert engines.compiled_module() is engines.compiled_module()


@pytest.mark.parametrize(("choice", "title"), [("v2", "x86-64-v2"), ("v3", "x86-64-v3"), ("v4", "x86-64-v4")])
def test_environment_forces_an_instruction_set(machine, choice, title):
    machine(choice=choice)
    assert engines.instruction_set() == title


def test_environment_can_refuse_the_compiled_engine(machine):
    machine(choice="none")
    assert engines.available() == ("numpy",)


def test_unknown_instruction_set_is_refused(machine):
    machine(choice="avx2")
    with pytest.raises(ValueError, match=r"SKMST_ENGINE_ISA='avx2' .* must be one of 'v4', .* 'none', or unset"):
        engines.available()


def test_instruction_set_that_was_not_built_is_refused(machine):
    machine(built=("v2",), choice="v3")
    with pytest.raises(RuntimeError, match=r"was not built \(built: x86-64-v2\)"):
        engines.compiled_module()


def test_instruction_set_that_the_cpu_lacks_is_refused(machine):
    machine(features=V3, choice="v4")
    with pytest.raises(RuntimeError, match="CPU lacks AVX512_SKX"):
        engines.compiled_module()


def test_forced_module_that_is_broken_is_refused(machine):
    machine(broken=("v3",), choice="v3")
    with pytest.raises(RuntimeError, match="does not load"):
        engines.compiled_module()


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks Linux what the CPU has")
@pytest.mark.parametrize(
    ("feature", "flags"),
    [
        ("SSE42", {"sse4_2"}),
        ("POPCNT", {"popcnt"}),
        ("AVX2", {"avx2"}),
        ("FMA3", {"fma"}),
        ("F16C", {"f16c"}),
        ("AVX512_SKX", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}),
    ],
)
def test_cpu_has_what_the_operating_system_says(feature, flags):
    if platform.machine() != "x86_64":
        pytest.skip("names of x86-64 features")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    known = set(next(line for line in lines if line.startswith("flags")).split())
    assert (feature in engines._cpu_features()) is (flags <= known)


def test_numpy_that_tells_no_features_leaves_its_own_engine(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy._core._multiarray_umath", types.ModuleType("without the name"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert engines._cpu_features() == set()


def test_listed_modules_are_those_on_disk():
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    files = {p.name.split(".")[0] for p in Path(engines.__file__).parent.iterdir() if p.name.endswith(suffixes)}
    assert {module for module, title, _ in engines.MODULES.values() if title in engines.built()} == files


def test_import_of_the_package_loads_no_engine():
    program = "import sys, skmst; print([m for m in sys.modules if m.startswith('skmst.scattering.engines._')])"
    environment = {k: v for k, v in os.environ.items() if k != engines.VARIABLE}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
