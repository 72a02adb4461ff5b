"""Sphinx: the notebooks as pages, and the API reference from docstrings. `make docs` builds them into build/docs."""

import jupyter_figserve

project = "jupyter_figserve"
author = "The jupyter_figserve developers"
version = release = jupyter_figserve.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
# The tests execute the notebooks; here they are pages.
nb_execution_mode = "off"
# Single backquotes in docstrings are commands.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"jupyter_figserve {release}"
html_copy_source = False
html_show_copyright = False
