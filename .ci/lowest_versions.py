"""Print the lower bounds of pyproject.toml as pins: one ``name==version`` a line, for ``pip install --constraint``."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())["project"]
requirements = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
for requirement in requirements:
    if requirement.startswith(project["name"]):
        continue  # the project's own extras, listed beside it
    bound = re.fullmatch(r"([A-Za-z0-9._-]+)\s*>=\s*([0-9.]+)", requirement)
    if bound is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no plain lower bound 'name>=version'.")
    print(f"{bound[1]}=={bound[2]}")
