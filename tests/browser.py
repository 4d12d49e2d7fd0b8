"""Open pages in Chromium and draw digits on the example's page, for tests and the screenshots of README."""

import math
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

EXAMPLE = Path(__file__).parents[1] / "examples" / "draw_a_digit.py"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL_HOSTS = {None, "", "127.0.0.1"}  # None is the host of file: and data: addresses


def find_browser(playwright):
    """Return the path of the system's Chromium or else of playwright's, or None."""
    paths = [*map(shutil.which, NAMES), playwright.chromium.executable_path]
    return next((path for path in paths if path and Path(path).is_file()), None)


def launch_browser(playwright):
    return playwright.chromium.launch(executable_path=find_browser(playwright), args=ARGUMENTS)


@contextmanager
def visit(browser, address, width=1200, height=800, **options):
    """Open a page, and check that it has no errors and makes no requests to other hosts."""
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    problems = []

    def check_response(response):
        if response.status >= 400:
            problems.append(f"status {response.status}: {response.url}")

    def check_message(message):
        if message.type == "error":
            problems.append(f"error in the console: {message.text}")

    def check_request(request):
        if urlsplit(request.url).hostname not in LOCAL_HOSTS:
            problems.append(f"request to another host: {request.url}")

    page.on("console", check_message)
    page.on("pageerror", lambda error: problems.append(f"error of a script: {error}"))
    page.on("request", check_request)
    page.on("requestfailed", lambda request: problems.append(f"failed request: {request.url}"))
    page.on("response", check_response)
    page.goto(address, wait_until="networkidle")
    try:
        yield page
        assert not problems, "\n".join(problems)
    finally:
        page.close()


@contextmanager
def drawing_page(model):
    """Run the example, and yield the address of its page and the output up to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, EXAMPLE, "--port", str(port), "--model", str(model)]
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


def arc(center, radii, start, end):
    """Return points on an ellipse between two angles, in degrees clockwise from the right."""
    angles = [math.radians(start + (end - start) * i / 24) for i in range(25)]
    return [(center[0] + radii[0] * math.cos(a), center[1] + radii[1] * math.sin(a)) for a in angles]


# The strokes of each digit, with points as fractions of the width and height of the canvas.
DIGITS = {
    0: [arc((0.5, 0.5), (0.18, 0.3), -90, 270)],
    1: [[(0.42, 0.3), (0.52, 0.2), (0.5, 0.8)]],
    2: [[*arc((0.5, 0.35), (0.18, 0.15), -170, 40), (0.32, 0.78), (0.7, 0.78)]],
    3: [[*arc((0.48, 0.35), (0.17, 0.15), -150, 90), *arc((0.48, 0.65), (0.2, 0.16), -80, 150)]],
    4: [[(0.38, 0.2), (0.3, 0.53), (0.72, 0.53)], [(0.6, 0.2), (0.58, 0.82)]],
    5: [[(0.68, 0.2), (0.38, 0.2), (0.36, 0.46), *arc((0.48, 0.62), (0.2, 0.18), -110, 140)]],
    6: [[(0.6, 0.18), (0.42, 0.36), *arc((0.5, 0.64), (0.17, 0.16), -170, 200)]],
    7: [[(0.3, 0.25), (0.7, 0.22), (0.45, 0.8)]],
    8: [[*arc((0.5, 0.35), (0.15, 0.15), 90, -270), *arc((0.5, 0.66), (0.18, 0.16), -90, 270)]],
    9: [[*arc((0.48, 0.37), (0.16, 0.16), 0, -350), (0.65, 0.4), (0.6, 0.82)]],
}


def draw(page, digit):
    """Draw a digit on the canvas of the page with the mouse."""
    canvas = page.locator("canvas").bounding_box()
    for stroke in DIGITS[digit]:
        points = [(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def draw_and_wait(page, digit):
    """Draw a digit, and wait until the page shows the prediction for the whole drawing."""
    requests = []
    page.on("response", lambda response: requests.append(response.request.post_data or ""))
    draw(page, digit)
    drawing = page.evaluate("document.querySelector('canvas').toDataURL()")
    for _ in range(600):
        if any(drawing in request for request in requests):
            break
        page.wait_for_timeout(50)
    else:
        raise RuntimeError(f"No prediction for the drawing of {digit} within 30 seconds.")
    page.wait_for_timeout(300)
