"""Open HTML pages that the package writes in a browser: no errors, and no requests to other hosts."""

from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from sk_mnist_cnn import evaluation_report
from tests.browser import visit

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[1] / "docs" / "_build" / "html"
PAGES = ("index", "gallery/index", "gallery/plot_mnist_pipeline", "guide/classifier", "benchmarks")
WIDTHS = pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])

# Sources of the images that cannot be loaded; images below the visible part are loaded now.
BROKEN_IMAGES = """() => Promise.all(Array.from(document.images, image => {
    image.loading = "eager";
    return image.decode().then(() => null, () => image.src);
})).then(sources => sources.filter(Boolean))"""

SCROLLING_TABLES = """() => Array.from(document.querySelectorAll(
    ".pst-scrollable-table-container, .output.text_html:has(table.dataframe)"))
    .filter(table => table.scrollWidth > table.clientWidth).map(table => table.innerText)"""
# Names that are cut at the right, outside of tables that scroll.
CUT_NAMES = """() => Array.from(document.querySelectorAll(
    ":is(p, li, dt, dd) > code, .sig-param, .prev-next-title"))
    .filter(name => !name.closest(".pst-scrollable-table-container"))
    .filter(name => name.getBoundingClientRect().right > Math.min(
        window.innerWidth, name.closest(".prev-next-area a")?.getBoundingClientRect().right ?? Infinity))
    .map(name => name.textContent)"""
IS_WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > window.innerWidth"

# JupyterLab's styles of description lists and of table cells in outputs.
NOTEBOOK = """<style>
.output dl dt { float: left; clear: left; }
.output :is(td, th, tr) { padding: 0.5em; line-height: normal; white-space: normal; text-align: right; }
</style><div class="output">%s</div>"""


@pytest.fixture(scope="module")
def report(fitted_pipeline):
    return evaluation_report(fitted_pipeline, *load_digits(return_X_y=True), name="8x8 digits")


def built(name):
    """Return the address of a page of the documentation. The test is skipped if it is not built."""
    path = DOCS / f"{name}.html"
    if not path.is_file():
        pytest.skip("the documentation is not built; `make docs` builds it")
    return path.as_uri()


@pytest.mark.parametrize("name", PAGES)
@WIDTHS
def test_documentation(browser, name, width):
    address = built(name)
    with visit(browser, address, width=width) as page:
        assert page.locator("h1").first.is_visible()
        assert page.evaluate(BROKEN_IMAGES) == []


@pytest.mark.parametrize(
    "name",
    [
        "guide/robustness",
        "guide/searching",
        "appendix/selection_of_recipes",
        "api/generated/sk_mnist_cnn.CNNDigitClassifier",
        "api/generated/sk_mnist_cnn.ImageNoveltyDetector",
        "api/generated/sk_mnist_cnn.SaliencyDisplay",
    ],
)
def test_names_are_not_cut_on_phones(browser, name):
    address = built(name)
    with visit(browser, address, width=390) as page:
        assert page.evaluate(CUT_NAMES) == []
        assert not page.evaluate(IS_WIDER_THAN_THE_WINDOW)


def test_names_in_the_table_of_contents_are_not_cut(browser):
    with visit(browser, built("api/generated/sk_mnist_cnn.CNNDigitClassifier"), width=1280) as page:
        names = page.locator(".bd-sidebar-secondary code")
        right = names.evaluate_all("names => names.map(name => name.getBoundingClientRect().right)")
        assert 0 < max(right) <= 1280


def test_plots_are_brightened_on_dark_pages_and_photos_are_not(browser):
    filters = {}
    for name in ("index", "gallery/read/plot_read_a_page", "gallery/train/plot_recipes"):
        with visit(browser, built(name), width=1280, color_scheme="dark") as page:
            image = page.locator("img[src*=sphx_glr_]").first
            filters[name] = image.evaluate("image => getComputedStyle(image).filter")
    assert filters == {
        "index": "none",
        "gallery/read/plot_read_a_page": "none",
        "gallery/train/plot_recipes": "brightness(1.2)",
    }


@pytest.mark.parametrize("name", ["gallery/plot_mnist_pipeline", "getting_started", "guide/results"])
def test_figures_of_several_panels_scroll_on_phones(browser, name):
    """Otherwise their text would be less than 5 pixels high."""
    address = built(name)
    with visit(browser, address, width=390) as page:
        images = page.locator(".wide img, img.wide")
        widths = images.evaluate_all("images => images.map(image => image.width)")
        assert widths
        assert min(widths) >= 640
        assert not page.evaluate(IS_WIDER_THAN_THE_WINDOW)


@pytest.mark.parametrize(
    "name",
    [
        "appendix/selection_of_recipes",
        "benchmarks",
        "comparison",
        "compatibility",
        "recipes",
        "guide/reading",
        "guide/preprocessing",
        "guide/probabilities",
        "guide/training",
    ],
)
def test_tables_fit(browser, name):
    """Tables of the class "stacked" show one cell per line, with the header of its column."""
    address = built(name)
    with visit(browser, address, width=390) as page:
        assert page.locator(".pst-scrollable-table-container").count()
        assert not page.evaluate(SCROLLING_TABLES)
        assert all(label.is_visible() for label in page.locator(".cell-label").all())
    with visit(browser, address, width=1280) as page:
        assert not page.evaluate(SCROLLING_TABLES)
        assert not any(label.is_visible() for label in page.locator(".cell-label").all())


@WIDTHS
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_report_page(browser, report, width, color_scheme, tmp_path):
    report.to_html(tmp_path / "report.html")
    address = (tmp_path / "report.html").as_uri()
    with visit(browser, address, width=width, color_scheme=color_scheme) as page:
        assert page.evaluate(BROKEN_IMAGES) == []
        assert not page.evaluate(IS_WIDER_THAN_THE_WINDOW)
        image = page.locator("img").first
        light = image.get_attribute("src")
        assert (image.evaluate("image => image.currentSrc") == light) == (color_scheme == "light")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (color_scheme == "light")


@WIDTHS
def test_report_in_a_notebook_does_not_overlap(browser, report, width, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(NOTEBOOK % report._repr_html_(), encoding="utf-8")
    with visit(browser, path.as_uri(), width=width) as page:
        assert not page.evaluate(IS_WIDER_THAN_THE_WINDOW)
        parts = page.locator(".score span, .score strong, table")
        boxes = [part.bounding_box() for part in parts.all()]
        assert len(boxes) == 2 * 4 + 2
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                beside = a["x"] >= b["x"] + b["width"] or b["x"] >= a["x"] + a["width"]
                assert beside or a["y"] >= b["y"] + b["height"]


def test_html_of_an_estimator(browser, fitted_pipeline, tmp_path):
    path = tmp_path / "estimator.html"
    path.write_text(fitted_pipeline._repr_html_(), encoding="utf-8")
    with visit(browser, path.as_uri()) as page:
        step = page.locator("label", has_text="CNNDigitClassifier").last
        assert step.is_visible()
        step.click()
        parameters = page.locator(".sk-toggleable__content").last
        assert parameters.is_visible()
        assert "dense_units" in parameters.text_content()
