"""How the documentation is built: `sphinx-build -W -b html docs build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE))
sys.path.insert(0, str(_HERE.parent))

import generate  # noqa: E402 - beside this file

from csgrepo import __version__  # noqa: E402 - the checkout's, not an installed one

project = "csgrepo"
author = "The csgrepo authors"
copyright = "the csgrepo authors"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"csgrepo {release}"

autodoc_typehints = "none"  # the signatures have them, and the docstrings say the rest
autodoc_member_order = "groupwise"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

generate.write(_HERE / "reference")
