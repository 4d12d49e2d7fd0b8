"""Sphinx configuration. `_extension.py` contains the code of this documentation's own extension."""

import os
import sys
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

import joblib
from jupyter_cache import get_cache
from jupyter_client import KernelManager
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # sphinx-gallery looks up its names

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from tests.benchmarks import published  # noqa: E402

# Build the gallery from the shipped digits, even if all of MNIST is available.
os.environ.pop("SK_MNIST_CNN_DATA", None)
# On a busy machine, Dask's workers end late, which is not part of the lesson.
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
style = Path(__file__).parent / "matplotlibrc"
os.environ["MATPLOTLIBRC"] = str(style)  # `prepare_example` sets it for the gallery

project = "sk_mnist_cnn"
author = "The sk_mnist_cnn developers"
copyright = f"2026, {author}, BSD-3-Clause license"
version = release = installed_version("sk_mnist_cnn")
# The addresses of the project are in pyproject.toml only.
urls = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"].get(
    "urls", {}
)

extensions = [
    "_extension",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "_templates",
    "benchmarks/*",
    "compatibility/*",
    "gallery/**.py",
    "gallery/**.ipynb",
]
templates_path = ["_templates"]
default_role = "literal"
nitpicky = True

smartquotes = False
add_module_names = False
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings contain the types
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence", "substitution"]
myst_substitutions = published.numbers()  # pages show measured numbers as {{ name }}
myst_heading_anchors = 3
# The code of the pages is executed, and an error or a warning fails the build. The outputs are cached until
# the code of the page or of the package, or the style of the figures changes.
package = Path(__file__).parents[1] / "sk_mnist_cnn"
outputs = Path(__file__).parent / "_build" / "outputs"
outputs /= joblib.hash([path.read_bytes() for path in (style, *sorted(package.rglob("*.py")))])
get_cache(outputs).list_cache_records()  # creates the database, before several processes use it
nb_execution_mode = "cache"
nb_execution_cache_path = str(outputs)
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_output_stderr = "remove-warn"
# TensorFlow's libraries write messages to file descriptor 2 when they are imported. They are no output of a
# cell, unlike what Python writes to standard error.
profile = Path(__file__).parent / "_build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
profile.joinpath("ipython_kernel_config.py").write_text("c.IPKernelApp.capture_fd_output = False\n")
os.environ["IPYTHONDIR"] = str(profile.parent)
if hasattr(KernelManager, "transport_encryption"):  # otherwise each kernel warns that it is not encrypted
    KernelManager.transport_encryption.default_value = "auto"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "subsection_order": ["../examples/read", "../examples/train", "../examples/evaluate"],
    "filename_pattern": r"/plot_",
    "parallel": True,  # as many processes as those of Sphinx
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sk_mnist_cnn",),
    "reset_argv": "_extension.prepare_example",
    "show_signature": False,
    "min_reported_time": float("inf"),  # running times depend on the machine
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sk_mnist_cnn {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_baseurl = urls.get("Documentation", "")
html_favicon = html_logo = "_static/favicon.svg"
html_context = {
    "default_mode": "auto",
    "edit_page_url_template": urls.get("Source", "") + "/edit/main/docs/{{ file_name }}",
}
html_show_sourcelink = False
# Pages with at most one subpage, and this subpage, get no left sidebar.
_alone = ("index", "getting_started", "installation", "compatibility", "from_*", "comparison")
_alone += ("recipes", "appendix/selection_of_recipes", "faq", "glossary", "changelog", "contributing")
html_sidebars = {page: [] for page in _alone}
html_theme_options = {
    "article_header_start": ["breadcrumbs"],
    "footer_end": ["sphinx-version", "theme-version"],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "logo": {"text": f"{project} {version}"},
    "secondary_sidebar_items": {
        "**": ["page-toc", "edit-this-page"],
        "index": [],
        "from_notebook": [],
        "from_mlpclassifier": [],
        "from_scikeras": [],
    },
    "show_prev_next": True,
    "use_edit_page_button": "Source" in urls,
}
