"""Sphinx configuration."""

import os
import re
import sys
from pathlib import Path

import skmst

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_arguments, below

project = "skmst"
author = "The skmst developers"
copyright = "The skmst developers"
version = release = skmst.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py", "auto_examples/*.md5"]
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"  # types stand in the docstrings
numpydoc_show_class_members = False  # the template of classes lists them
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "reference_url": {"skmst": None},
    "doc_module": ("skmst",),
    "backreferences_dir": "generated/backreferences",
    "reset_argv": "gallery_arguments.reset_argv",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "copyfile_regex": r"README\.rst",
}

# The inventories of other projects are on the network; without it the documentation builds all the same.
if os.environ.get("SKMST_INTERSPHINX") == "1":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "joblib": ("https://joblib.readthedocs.io/en/stable", None),
    }

html_theme = "pydata_sphinx_theme"
html_title = "skmst"
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "limits": [], "comparison": []}
html_show_sourcelink = False
templates_path = ["_templates"]


def escape_shapes(app, what, name, obj, options, lines):
    """Asterisks and trailing underscores in shapes, such as ``(..., *output_grid_)``, are not markup."""
    for i, line in enumerate(lines):
        before, found, shape = line.partition("shape (")
        if found and "``" not in line and ">>>" not in line:
            lines[i] = before + found + re.sub(r"\*(?=\w)|(?<=\w)_(?=\W)", r"\\\g<0>", shape)


def setup(app):
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)  # before numpydoc, at 500
