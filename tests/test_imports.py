"""Imports point one way: glue -> its own mathematics -> numpy and scipy."""

import ast
from pathlib import Path

import pytest

import skmst

PACKAGE = Path(skmst.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

#: What each part may import of skmst besides itself; the longest prefix counts. Glue stands by its own name,
#: and the package's __init__ re-exports what it likes.
EVERYWHERE = {"utils", "trajectories"}
ALLOWED = {
    "utils": set(),
    "utils._versions": {"scattering"},  # which one runs is part of what a report has to say
    "trajectories": {"utils"},
    "metrics": {"trajectories"},
    "datasets": set(),
    "scattering": EVERYWHERE,
    "koopman": EVERYWHERE,
    "koopman._regressor": EVERYWHERE,
    "koopman._inputs": EVERYWHERE | {"_base", "_hindcast"},
    "koopman._timed": EVERYWHERE | {"_hindcast"},
    "master_equation": EVERYWHERE,
    # A memory model's companion matrix is a Koopman operator in delay coordinates.
    "master_equation._predictor": EVERYWHERE | {"_base", "koopman.spectrum"},
    "master_equation._guard": EVERYWHERE | {"koopman.spectrum"},
    "_hindcast": EVERYWHERE,
    "_fitting": EVERYWHERE,
    "_base": EVERYWHERE | {"metrics", "_hindcast", "_fitting"},
    "forecasting": EVERYWHERE | {"_hindcast"},
    "model_selection": EVERYWHERE | {"forecasting"},
    "plotting": EVERYWHERE | {"metrics", "scattering.filter_bank"},
}
PRIVATE_OF_SKLEARN = "utils._sklearn"


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """Absolute names of all that a file imports, those of skmst as 'skmst.<...>'."""
    package = ["skmst", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *filter(None, [node.module])]) + f":{','.join(a.name for a in node.names)}"


def rule_for(module):
    matches = [p for p in ALLOWED if (module == p or module.startswith(p + "."))]
    return ALLOWED[max(matches, key=len)] if matches else None


@pytest.mark.parametrize("path", FILES, ids=[module_name(p) or "skmst" for p in FILES])
def test_imports_point_one_way(path):
    module = module_name(path)
    if not module:
        return
    allowed = rule_for(module)
    assert allowed is not None, f"{module} has no rule: say in this test what it may import"
    own = module.split(".")[0]
    for found in imports_of(path):
        name = found.split(":")[0]
        if name == "skmst" and found == "skmst:__version__":
            continue
        if not name.startswith("skmst."):
            assert name != "skmst", f"{module} imports from the package itself ({found})"
            continue
        target = name.removeprefix("skmst.")
        inside = target.split(".")[0] == own
        assert inside or any(target == a or target.startswith(a + ".") for a in allowed), (
            f"{module} must not import {target}"
        )


@pytest.mark.parametrize("path", FILES, ids=[module_name(p) or "skmst" for p in FILES])
def test_only_one_file_imports_private_names_of_scikit_learn(path):
    if module_name(path) == PRIVATE_OF_SKLEARN:
        return
    for found in imports_of(path):
        name, _, members = found.partition(":")
        if name.split(".")[0] == "sklearn":
            private = [part for part in [*name.split("."), *members.split(",")] if part.startswith("_")]
            assert not private, f"{module_name(path)} imports {found}"


def test_only_one_file_imports_kymatio():
    users = {module_name(p) for p in FILES if any(f.split(".")[0] == "kymatio" for f in imports_of(p))}
    assert users <= {"scattering._kymatio"}


@pytest.mark.parametrize("path", FILES, ids=[module_name(p) or "skmst" for p in FILES])
def test_mathematics_does_not_see_estimators(path):
    glue = {"_transformer", "_regressor", "_predictor"}
    if path.name == "__init__.py" or path.stem in glue:
        return
    for found in imports_of(path):
        assert not glue & set(found.split(":")[0].split(".")), f"{module_name(path)} imports {found}"
