"""Start the drawing page as its users do, and draw on it with the mouse or a finger."""

import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def drawing_page(model=None):
    """Run the command, and yield the address of its page and the output up to it."""
    command = [sys.executable, "-m", "sk_mnist_cnn.draw", "--port", "0", "--no-browser"]
    if model is not None:
        command += ["--model", str(model)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("Draw at"):
                break
        else:
            raise RuntimeError("".join(printed))
        yield line.split()[2], "".join(printed)
    finally:
        process.terminate()
        process.communicate()


def on_page(page, strokes):
    """Return strokes in pixels of the page."""
    canvas = page.locator("#drawing").bounding_box()
    return [
        [(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"]) for x, y in stroke]
        for stroke in strokes
    ]


def draw_with_mouse(page, strokes):
    for first, *others in on_page(page, strokes):
        page.mouse.move(*first)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def draw_with_finger(page, strokes):
    fingers = page.context.new_cdp_session(page)
    for stroke in on_page(page, strokes):
        for i, (x, y) in enumerate(stroke):
            kind = "touchMove" if i else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    fingers.detach()


def wait_for_answer(page):
    """Wait for the answer and the saliency map of the current drawing, and return the answer."""
    page.locator("#digits button:enabled").first.wait_for()
    page.locator("#pictures[aria-busy=false]").wait_for()
    return page.locator("#answer").inner_text()


def clear(page):
    page.get_by_role("button", name="Clear").click()
