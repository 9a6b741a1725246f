"""How the documentation is built: Sphinx, with pages in Markdown (MyST). `sphinx-build -W -b html docs OUT`."""

from importlib.metadata import version as installed

project = "pytest-codeneedle"
release = version = installed(project)
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # [text](page.md#a-heading) works down to the third level

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
