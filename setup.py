"""Compile the scattering engine: one source, one extension module for each instruction set; nothing where it cannot be.

Everything else about the package is in pyproject.toml.
"""

import copy
import os
import platform
import sys
from glob import glob

import pybind11
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ENGINES = "skmst/scattering/engines"
FLAGS = [
    *("-std=c++17", "-O3", "-g0", "-fvisibility=hidden"),
    # Not -ffast-math: NaN and infinity have to come out as they went in.
    *("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"),
    "-Wno-maybe-uninitialized",  # GCC 12 warns of its own AVX-512 header
]
X86 = {f"_x86_64_v{level}": [f"-march=x86-64-v{level}"] for level in (2, 3, 4)}
ARM = {"_neon": []}  # every aarch64 has it
MODULES = {"x86_64": X86, "AMD64": X86, "aarch64": ARM, "arm64": ARM}


def engine(module, flags):
    """The extension module of one instruction set; the install goes on where it does not compile."""
    return Extension(
        f"skmst.scattering.engines.{module}",
        [f"{ENGINES}/src/module.cpp"],
        include_dirs=[pybind11.get_include()],
        define_macros=[("SKMST_MODULE", module)],
        depends=sorted(glob(f"{ENGINES}/src/*.hpp")),
        extra_compile_args=FLAGS + flags,
        language="c++",
        optional=True,
    )


class BuildEngines(build_ext):
    """Builds side by side, so that every module needs a folder of its own for the object of their common source."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":  # has neither these flags nor GCC's vectors: it would build nonsense
            self.warn("the compiled scattering engine needs GCC or Clang; the numpy engine will serve")
            self.extensions = []
        super().build_extensions()

    def build_extension(self, ext):
        own = copy.copy(self)
        own.build_temp = os.path.join(self.build_temp, ext.name)
        super(BuildEngines, own).build_extension(ext)


machine = platform.machine()
if sys.platform == "darwin":
    os.environ.setdefault("ARCHFLAGS", f"-arch {machine}")  # Python's own flags may name two architectures
setup(
    ext_modules=[engine(module, flags) for module, flags in MODULES.get(machine, {}).items()],
    cmdclass={"build_ext": BuildEngines},
    options={"build_ext": {"parallel": 2}},
)
