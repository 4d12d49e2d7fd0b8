"""Sphinx's configuration. What it needs beside the extensions named here stands in `_extension.py`."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sklearn.experimental import enable_halving_search_cv  # noqa: F401, the gallery looks its names up

sys.path.insert(0, str(Path(__file__).parent))

# The gallery is made from the digits that come with the package, wherever it is built.
os.environ.pop("SK_MNIST_CNN_DATA", None)

project = "sk_mnist_cnn"
author = "The sk_mnist_cnn developers"
copyright = author
version = release = installed_version("sk_mnist_cnn")

extensions = [
    "_extension",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "_templates",
    "benchmarks/*",
    "compatibility/*",
    "gallery/*.py",
    "gallery/*.ipynb",
]
templates_path = ["_templates"]
default_role = "literal"
nitpicky = True
# numpydoc makes references of what stands left of the colon under Raises and See Also.
nitpick_ignore_regex = [("py:.*", r"(keras|sklearn|skops)\..*|[A-Z][A-Za-z]*(Error|Warning)")]

smartquotes = False
add_module_names = False
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"draw_a_digit\.py",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sk_mnist_cnn",),
    "reset_argv": "_extension.as_a_module",
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sk_mnist_cnn"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
# Pages that have no others beside them, and need the width.
alone = ["index", "getting_started", "benchmarks", "from_*", "recipes", "changelog", "contributing"]
html_sidebars = {page: [] for page in alone}
html_theme_options = {
    "article_header_start": ["breadcrumbs"],
    "footer_end": [],
    "footer_start": ["sphinx-version", "theme-version"],
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "from_notebook": [], "from_scikeras": []},
    "show_prev_next": True,
}
