"""Run the examples, and save the images of the README: `python -m tests.pictures`."""

import runpy
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
    run("plot_own_pictures.py")["figure"].savefig(FOLDER / "own_pictures.png", dpi=100)
    with (
        TemporaryDirectory() as folder,
        drawing_page(Path(folder, "model.skops")) as (address, _),
        sync_playwright() as playwright,
        launch_browser(playwright) as browser,
        visit(browser, address, width=1000, height=790, device_scale_factor=1.5) as page,
    ):
        draw_with_mouse(page, in_a_row([DIGITS[4], DIGITS[0], DIGITS[7]]))
        wait_for_answer(page)
        page.screenshot(path=FOLDER / "draw_a_digit.png")


if __name__ == "__main__":
    main()
