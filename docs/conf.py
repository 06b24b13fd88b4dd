"""How Sphinx builds the pages. README.md in this folder says how they are written and built."""

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))

# Cells run in processes of their own, which inherit these. The pages are about the sample inside the package.
os.environ.pop("CBACKPROP_MNIST", None)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(HERE / "support"), *filter(None, [os.environ.get("PYTHONPATH")])]
)

_project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = "cbackprop"
author = copyright = "the cbackprop developers"
release = version = _project["version"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "mathml",
    "repository",
    "references",
    "plain_page",
    "checks",
]
exclude_patterns = ["_build", "README.md", "backward_pass"]
templates_path = ["_templates"]
nitpicky = True
language = "en"

# ---- Markdown, and the cells in it ----

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 120  # seconds a cell
nb_execution_raise_on_error = True
nb_execution_in_temp = True  # a page that writes a file leaves none in the tree
nb_merge_streams = True
nb_render_markdown_format = "gfm"

# ---- the API ----

default_role = "py:mention"  # a single backtick in a docstring: see extensions/references.py
autodoc_typehints = "none"  # the docstrings have shapes and dtypes, which say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# ---- what the site looks like ----

html_theme = "furo"
html_title = "cbackprop"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
