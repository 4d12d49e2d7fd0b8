"""Run the examples, and save the images of the README: `python -m tests.pictures`."""

import runpy
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
from playwright.sync_api import sync_playwright

from tests.browser import draw_and_wait, drawing_page, launch_browser, visit

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
        visit(browser, address, width=1000, height=610, device_scale_factor=1.5) as page,
    ):
        draw_and_wait(page, 5)
        page.screenshot(path=FOLDER / "draw_a_digit.png")


if __name__ == "__main__":
    main()
