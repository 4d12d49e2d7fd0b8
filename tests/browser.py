"""Open pages in Chromium, for tests and the images of the README."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

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
