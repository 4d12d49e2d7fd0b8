"""Save the images of the README and of the drawing page's guide: `python -m tests.pictures`."""

import runpy
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
from playwright.sync_api import sync_playwright

from tests.browser import launch_browser, visit
from tests.draw.page import draw_with_mouse, drawing_page, wait_for_answer
from tests.draw.strokes import DIGITS, in_a_row

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "_static"


def run(example):
    return runpy.run_path(str(ROOT / "examples" / example), run_name="example")


def main():
    matplotlib.use("agg")
    run("plot_mnist_pipeline.py")["mistakes"].figure_.savefig(FOLDER / "misclassified.png", dpi=100)
    save_drawing_page()


def save_drawing_page():
    """Save pictures of the drawing page, with the names that the directive ``chart`` uses."""
    sizes = {"": {"width": 1000, "height": 790}, "_phone": {"width": 390, "height": 790}}
    schemes = {"": "light", "_dark": "dark"}
    with (
        TemporaryDirectory() as folder,
        drawing_page(Path(folder, "model.skops")) as (address, _),
        sync_playwright() as playwright,
        launch_browser(playwright) as browser,
    ):
        for (screen, size), (suffix, scheme) in product(sizes.items(), schemes.items()):
            options = {"color_scheme": scheme, "device_scale_factor": 1.5}
            with visit(browser, address, **size, **options) as page:
                draw_with_mouse(page, in_a_row([DIGITS[4], DIGITS[0], DIGITS[7]]))
                wait_for_answer(page)
                page.screenshot(path=FOLDER / f"draw_a_digit{screen}{suffix}.png", full_page=True)


if __name__ == "__main__":
    main()
