"""Sphinx extension: directives for optional content, charts and tables; links, headers, a check."""

import re
import warnings
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.directives import imgsgnode

from tests.benchmarks import published

# API pages of other projects. These rules replace intersphinx, whose inventories cannot be downloaded in an
# offline build. Keras has none.
_EXTERNAL = {
    r"sklearn\..+": "https://scikit-learn.org/stable/modules/generated/{0}.html",
    # Sections of scikit-learn's user guide, in the docstrings of inherited methods.
    r"metadata_routing": "https://scikit-learn.org/stable/metadata_routing.html",
    r"accuracy_score": "https://scikit-learn.org/stable/modules/model_evaluation.html#accuracy-score",
    r"df_output_transform": "https://scikit-learn.org/stable/modules/df_output_transform.html",
    r"sphx_glr_auto_examples_miscellaneous_plot_set_output\.py": (
        "https://scikit-learn.org/stable/auto_examples/miscellaneous/plot_set_output.html"
    ),
    r"numpy\..+": "https://numpy.org/doc/stable/reference/generated/{0}.html",
    r"matplotlib\..+": "https://matplotlib.org/stable/api/_as_gen/{0}.html",
    r"keras\.callbacks\.CSVLogger": "https://keras.io/api/callbacks/csv_logger/",
    r"keras\.callbacks\.ModelCheckpoint": "https://keras.io/api/callbacks/model_checkpoint/",
    r"keras\.Model": "https://keras.io/api/models/model/",
}

_MANY_COLUMNS = 5  # of text, which do not fit on phones
_WIDE = 800  # width of figures whose text would be too small on phones, in pixels
_BRIGHT = 213, 250  # pixels between these values would become white if they were 1.2 times as bright
_BRIGHT_AREA = 0.06  # share of such pixels in photos and heat maps; plots and black digits have fewer

# Tags whose content a browser loads when it opens a page.
_LOADED = re.compile(
    r'<(?:img|script|source|iframe|link(?! rel="canonical"))\b[^>]*?\b(?:src|href)="((?:https?:)?//[^"]+)'
)


class IfExists(SphinxDirective):
    """Content that is included only if a file, relative to the source directory, exists."""

    required_arguments = 1
    has_content = True

    def run(self):
        path = Path(self.env.srcdir, self.arguments[0])
        self.env.note_dependency(path)
        return self.parse_content_to_nodes() if path.is_file() else []


class Chart(SphinxDirective):
    """A figure with a file for wide screens and one for phones, each for light and for dark pages."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required, "target": directives.uri}

    def run(self):
        figure = nodes.figure(classes=["chart"])
        for screen, width in {"": "for-wide-screens", "_phone": "for-phones"}.items():
            for suffix, theme in {"": "only-light", "_dark": "only-dark"}.items():
                uri = f"{self.arguments[0]}{screen}{suffix}.png"
                image = nodes.image(uri=uri, alt=self.options["alt"], classes=[width, theme], loading="lazy")
                if "target" in self.options:
                    link = nodes.reference("", "", image, refuri=self.options["target"])
                    figure += link
                else:
                    figure += image
        if self.content:
            figure += nodes.caption("", "", *self.parse_inline(" ".join(self.content))[0])
        return [figure]


class Measurements(SphinxDirective):
    """A table of `tests.benchmarks.published`, made from the files in `docs/benchmarks`."""

    required_arguments = 1
    option_spec = {"class": directives.class_option}

    def run(self):
        for path in Path(self.env.srcdir, "benchmarks").glob("*.json"):
            self.env.note_dependency(path)
        (table,) = self.parse_text_to_nodes(published.markdown(published.TABLES[self.arguments[0]]()))
        table["classes"] += self.options.get("class", [])
        return [table]


class LabelCells(SphinxTransform):
    """Repeat the header in the cells of tables of the class "stacked", for narrow screens.

    custom.css shows these labels, one cell per line, where the columns do not fit next to each other. Tables
    with many columns get this class, unless they have the class "numbers", whose columns are narrow. The
    first cell of a row is its title, and has a label only if it consists of numbers.
    """

    default_priority = 400

    def apply(self, **kwargs):
        for head in self.document.findall(nodes.thead):
            table, body = head.parent.parent, head.next_node(nodes.tbody, descend=False, siblings=True)
            labels = [entry.astext() for entry in head.findall(nodes.entry)]
            if len(labels) >= _MANY_COLUMNS and not {"stacked", "numbers"} & {*table["classes"]}:
                table["classes"].append("stacked")
            if "stacked" not in table["classes"]:
                continue
            for row in body.findall(nodes.row):
                for label, entry in zip(labels, row.children, strict=True):
                    if entry is row.children[0] and not re.fullmatch(r"[\d, ]+", entry.astext()):
                        continue
                    if not entry.astext():
                        entry["classes"].append("empty")
                    elif label:
                        entry[0].insert(0, nodes.inline("", f"{label}: ", classes=["cell-label"]))


class WrapFigures(SphinxTransform):
    """Put figures of examples into a box with the classes that custom.css needs for their size and colors.

    Wide figures scroll on narrow screens. Photos and heat maps are not brightened on dark pages.
    """

    default_priority = 400

    def apply(self, **kwargs):
        for image in list(self.document.findall(imgsgnode)):
            with Image.open(Path(self.env.srcdir, image["uri"].lstrip("/"))) as picture:
                pixels = np.asarray(picture.convert("RGBA"))
            is_bright = (pixels > _BRIGHT[0]) & (pixels < _BRIGHT[1])
            is_picture = np.mean(is_bright[..., :3].any(axis=-1) & (pixels[..., 3] == 255)) > _BRIGHT_AREA
            classes = ["wide"] * (pixels.shape[1] >= _WIDE) + ["color-scale"] * bool(is_picture)
            if classes:
                image.replace_self(nodes.container("", image.deepcopy(), classes=classes))


def link_external(app, env, node, contnode):
    """Link a name of another project to its API page."""
    name = node.get("reftarget", "")
    for pattern, address in _EXTERNAL.items():
        if re.fullmatch(pattern, name):
            return nodes.reference("", "", contnode, internal=False, refuri=address.format(name))
    return None


def complete_header(app, page, template, context, doctree):
    """Describe a page by its first paragraph, and offer no link to edit a page that is generated."""
    if page.startswith(("gallery/", "api/generated/")):
        context["theme_use_edit_page_button"] = False
    paragraph = doctree and next(doctree.findall(nodes.paragraph), None)
    if paragraph:
        text = " ".join(paragraph.astext().split())
        context["metatags"] += f'<meta name="description" content="{escape(text)}">'


def prepare_example(gallery_conf, script_vars):
    """Run gallery examples with another `__name__`, so that they do not write files, and fail on warnings.

    sphinx-gallery resets matplotlib's parameters before and after each example.
    """
    import sk_mnist_cnn._keras.backend  # noqa: F401  # sets its log level before an example imports TensorFlow

    matplotlib.rc_file(Path(__file__).with_name("matplotlibrc"))
    script_vars["example_globals"]["__name__"] = "example"
    warnings.simplefilter("error", ConvergenceWarning)
    return []


def check_self_contained(app, exception):
    """Raise if a page loads content from another host."""
    if exception or app.builder.format != "html":
        return
    found = {
        f"{page.relative_to(app.outdir)}: {address}"
        for page in Path(app.outdir).rglob("*.html")
        for address in _LOADED.findall(page.read_text(encoding="utf-8"))
    }
    if found:
        raise ExtensionError("Pages load content from other hosts:\n" + "\n".join(sorted(found)))


def setup(app):
    app.add_directive("if-exists", IfExists)
    app.add_directive("chart", Chart)
    app.add_directive("measurements", Measurements)
    app.add_transform(LabelCells)
    app.add_transform(WrapFigures)
    app.connect("missing-reference", link_external)
    app.connect("html-page-context", complete_header)
    app.connect("build-finished", check_self_contained)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
