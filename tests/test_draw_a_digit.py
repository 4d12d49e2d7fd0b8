"""The drawing page in a browser: digits drawn with the mouse are recognized."""

import numpy as np
import pytest

from tests.browser import DIGITS, draw, draw_and_wait, drawing_page, visit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored_model(tmp_path_factory):
    return tmp_path_factory.mktemp("model") / "new" / "draw.skops"


@pytest.fixture(scope="module")
def address(browser, stored_model):
    """The address of a running page, which has trained and stored its model."""
    pytest.importorskip("gradio")
    with drawing_page(stored_model) as (address, printed):
        assert "Training" in printed
        yield address


@pytest.fixture
def page(browser, address):
    with visit(browser, address) as page:
        yield page


def answer(page):
    return page.locator(".answer").inner_text()


def percentages(page):
    return [int(text.rstrip("%")) for text in page.locator(".bar span").all_inner_texts()]


def test_recognizes_drawn_digits(page):
    answers = {}
    for digit in DIGITS:
        draw_and_wait(page, digit)
        answers[digit] = answer(page)
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Draw with").wait_for()
    correct = [digit for digit, shown in answers.items() if shown == f"The network says {digit}"]
    assert len(answers) == 10
    assert len(correct) >= 9, answers


def test_shows_probabilities_and_images(page):
    assert percentages(page) == [0] * 10
    assert page.locator("img").count() == 0
    draw_and_wait(page, 7)
    assert percentages(page)[7] > 90
    assert sum(percentages(page)) == pytest.approx(100, abs=5)
    assert page.locator("img").evaluate("picture => picture.naturalWidth") > 500


def test_probabilities_change_while_drawing(page):
    canvas = page.locator("canvas").bounding_box()
    x, y = canvas["x"] + 0.3 * canvas["width"], canvas["y"] + 0.25 * canvas["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    page.locator(".answer b").wait_for()
    before = page.locator(".bar").last.locator("..").inner_html()
    page.mouse.move(x + 40, y + 160, steps=5)
    page.wait_for_function(
        "html => document.querySelector('.bar').parentElement.innerHTML !== html", arg=before
    )
    page.mouse.up()


def test_clear_empties_page_and_shows_hint(page):
    draw_and_wait(page, 3)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw with").wait_for()
    assert percentages(page) == [0] * 10
    assert page.locator("img").count() == 0
    blank = "canvas => !canvas.getContext('2d').getImageData(0, 0, 640, 640).data.some(value => value)"
    assert page.locator("canvas").evaluate(blank)


def test_clear_empty_page(page):
    with page.expect_response("**/predict"):
        page.get_by_role("button", name="Clear").click()
    assert answer(page) == "Draw with the mouse or a finger."


def test_draws_many_digits_without_waiting(page):
    for digit in DIGITS:
        draw(page, digit)
        page.get_by_role("button", name="Clear").click()
    draw_and_wait(page, 1)
    assert answer(page) == "The network says 1"


def test_fits_phone_and_accepts_touch(browser, address):
    with visit(browser, address, width=390, height=844, has_touch=True, is_mobile=True) as page:
        canvas = page.locator("canvas").bounding_box()
        assert canvas["x"] >= 0
        assert canvas["x"] + canvas["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        fingers = page.context.new_cdp_session(page)
        x, heights = canvas["x"] + canvas["width"] / 2, np.linspace(0.2, 0.8, 10)
        for i, y in enumerate(canvas["y"] + canvas["height"] * heights):
            kind = "touchMove" if i else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.get_by_text("The network says 1").wait_for()


def test_recognizes_dot(page):
    page.locator("canvas").click()
    page.get_by_text("The network says").wait_for()


def test_stored_model_is_used_again(address, stored_model):
    before = stored_model.stat().st_mtime_ns
    with drawing_page(stored_model) as (_, printed):
        assert "Training" not in printed
    assert stored_model.stat().st_mtime_ns == before
