"""How the documentation is built: Sphinx, with pages in Markdown (MyST). `sphinx-build -W -b html docs OUT`."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE / "_ext"), str(_HERE.parent / "tests")]  # tests/house.py reads the imports of the package

project = "pytest-codeneedle"
release = version = installed(project)
extensions = ["myst_parser", "sphinx.ext.autodoc", "codeneedle_docs"]
exclude_patterns = ["_ext"]

smartquotes = False  # options begin with two hyphens

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # [text](page.md#a-heading) works down to the third level

default_role = "code"  # docstrings write `this` of code
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
