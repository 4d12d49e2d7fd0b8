"""What the package writes is opened in a real browser: nothing fails, and no other host is asked."""

from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from sk_mnist_cnn import evaluation_report
from tests.browser import visit

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[1] / "docs" / "_build" / "html"
PAGES = ("index", "gallery/index", "gallery/plot_mnist_pipeline", "guide/classifier", "benchmarks")

# Pictures that have not arrived. Those further down are fetched when they come into view.
MISSING = """() => Promise.all(Array.from(document.images, image => {
    image.loading = "eager";
    return image.decode().then(() => null, () => image.src);
})).then(sources => sources.filter(Boolean))"""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1200, 390], ids=["desktop", "phone"])
def test_the_documentation(browser, name, width):
    path = DOCS / f"{name}.html"
    if not path.is_file():
        pytest.skip("the documentation is not built; `make docs` builds it")
    with visit(browser, path.as_uri(), width=width) as page:
        assert page.locator("h1").first.is_visible()
        assert page.evaluate(MISSING) == []


def test_the_report(browser, fitted_pipeline, tmp_path):
    X, y = load_digits(return_X_y=True)
    evaluation_report(fitted_pipeline, X, y).to_html(tmp_path / "report.html")
    with visit(browser, (tmp_path / "report.html").as_uri()) as page:
        assert page.locator("img").count() >= 1
        assert page.evaluate(MISSING) == []


def test_the_html_of_an_estimator(browser, fitted_pipeline, tmp_path):
    path = tmp_path / "estimator.html"
    path.write_text(fitted_pipeline._repr_html_(), encoding="utf-8")
    with visit(browser, path.as_uri()) as page:
        step = page.locator("label", has_text="CNNDigitClassifier").last
        assert step.is_visible()
        step.click()
        parameters = page.locator(".sk-toggleable__content").last
        assert parameters.is_visible()
        assert "dense_units" in parameters.text_content()
