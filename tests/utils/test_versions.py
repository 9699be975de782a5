"""A bug report says what was installed, whatever is missing."""

import builtins
import platform

import numpy
import pytest

import skmst
from skmst.scattering import engines
from skmst.utils import _versions
from skmst.utils._versions import show_versions


def entries(text):
    """Read ``name: value`` lines back; the first of a name counts."""
    pairs = [line.split(": ", 1) for line in text.splitlines() if ": " in line]
    return {name.strip(): value for name, value in reversed(pairs)}


def test_report_states_the_versions_in_use(capsys):
    show_versions()
    report = entries(capsys.readouterr().out)
    assert report["python"].startswith(platform.python_version())
    assert report["numpy"] == numpy.__version__
    assert report["skmst"] == skmst.__version__


@pytest.mark.parametrize(("active", "said"), [(None, "numpy"), ("x86-64-v3", "compiled (x86-64-v3)")])
def test_report_names_the_engine_and_its_instruction_set(capsys, monkeypatch, active, said):
    monkeypatch.setattr(engines, "instruction_set", lambda: active)
    show_versions()
    assert entries(capsys.readouterr().out)["engine"] == said


def test_report_lists_what_was_built(capsys):
    show_versions()
    assert entries(capsys.readouterr().out)["built for"] == (", ".join(engines.built()) or "none")


def test_report_comes_even_where_no_engine_can_be_chosen(capsys, monkeypatch):
    def refuse():
        raise ValueError("SKMST_ENGINE_ISA='v9' in the environment must be one of ...")

    monkeypatch.setattr(engines, "instruction_set", refuse)
    show_versions()
    report = entries(capsys.readouterr().out)
    assert "SKMST_ENGINE_ISA" in report["engine"]
    assert report["numpy"] == numpy.__version__


def test_report_names_every_dependency(capsys):
    show_versions()
    report = entries(capsys.readouterr().out)
    assert {"scipy", "scikit-learn", "joblib", "kymatio", "matplotlib", "rich"} <= set(report)


def test_missing_optional_package_is_reported_as_such(capsys, monkeypatch):
    monkeypatch.setattr(_versions, "_OPTIONAL", ("a-package-that-nobody-has",))
    show_versions()
    assert entries(capsys.readouterr().out)["a-package-that-nobody-has"] == "not installed"


@pytest.mark.parametrize("installed", [True, False])
def test_thread_pools_are_shown_where_they_can_be_asked(capsys, monkeypatch, installed):
    real_import = builtins.__import__

    def without_threadpoolctl(name, *args, **kwargs):
        if name == "threadpoolctl" and not installed:
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_threadpoolctl)
    show_versions()
    assert ("Thread pool" in capsys.readouterr().out) is installed
