"""The drawing page in Chromium, with strokes of the mouse and of a finger, at desk and phone size."""

import re

import numpy as np
import pytest

from tests.browser import visit
from tests.draw.page import clear, draw_with_finger, draw_with_mouse, drawing_page, on_page, wait_for_answer
from tests.draw.strokes import DIGITS, NO_DIGITS, VARIANTS, in_a_row, vary

pytestmark = pytest.mark.slow

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
TENSORFLOW = 180_000  # milliseconds; the first correction imports TensorFlow, which is slow on a busy machine
IS_BLANK = (
    "canvas => !canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
)

# Times from the end of a stroke to the next frame that shows the answer, in milliseconds.
WATCH = """
window.delays = [];
let lifted = null;
addEventListener("pointerup", () => { lifted = performance.now(); }, true);
new MutationObserver(() => {
    if (lifted === null || document.querySelector("#digits button").disabled) return;
    window.delays.push(performance.now() - lifted);
    lifted = null;
}).observe(document.querySelector("#digits"), { subtree: true, attributes: true });
"""


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    """The address of a running page, which has saved its model."""
    path = tmp_path_factory.mktemp("model") / "draw.skops"
    with drawing_page(path) as (address, printed):
        assert "The model is saved" in printed
        assert path.is_file()
        yield address


@pytest.fixture
def page(browser, address):
    with visit(browser, address, **DESK) as page:
        yield page


@pytest.mark.parametrize(
    ("size", "draw"), [(DESK, draw_with_mouse), (PHONE, draw_with_finger)], ids=["desk", "phone"]
)
def test_recognizes_all_digits(browser, address, size, draw):
    with visit(browser, address, **size) as page:
        page.evaluate(WATCH)
        answers = {}
        for digit, strokes in DIGITS.items():
            draw(page, strokes)
            answers[digit] = wait_for_answer(page).split()[3]
            clear(page)
        assert answers == {digit: str(digit) for digit in DIGITS}
        delays = page.evaluate("window.delays")
        print(f"\nfrom pen-up to answer: median {np.median(delays):.0f} ms, maximum {max(delays):.0f} ms")


def test_recognizes_digits_of_many_hands(page):
    random, shown = np.random.default_rng(0), []
    for digit in DIGITS:
        for strokes in [DIGITS[digit], *VARIANTS[digit]] * 3:
            draw_with_mouse(page, vary(strokes, random))
            shown.append((digit, wait_for_answer(page)))
            clear(page)
    wrong = [
        (digit, answer)
        for digit, answer in shown
        if answer.split()[:4] != ["This", "is", "an" if digit == 8 else "a", str(digit)]
    ]
    print(f"\nright: {len(shown) - len(wrong)} of {len(shown)}, wrong: {wrong}")
    assert len(wrong) <= len(shown) / 10


@pytest.mark.parametrize("name", ["triangle", "zigzag"])
def test_doubts_drawings_that_are_no_digits(page, name):
    draw_with_mouse(page, NO_DIGITS[name])
    assert wait_for_answer(page).startswith("Not a digit?")


def test_a_dot_is_no_digit(page):
    x, y = on_page(page, [[(0.5, 0.5)]])[0][0]
    page.mouse.click(x, y)
    page.get_by_text(re.compile("No digit|Not a digit")).wait_for()


@pytest.mark.parametrize(
    ("size", "draw"), [(DESK, draw_with_mouse), (PHONE, draw_with_finger)], ids=["desk", "phone"]
)
def test_reads_a_number(browser, address, size, draw):
    with visit(browser, address, **size) as page:
        draw(page, in_a_row([DIGITS[4], DIGITS[0], DIGITS[7]]))
        assert wait_for_answer(page) == "This is\n407"
        pieces = page.get_by_role("radio")
        assert [piece.locator("..").inner_text().split()[0] for piece in pieces.all()] == ["4", "0", "7"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        for index, digit in enumerate([4, 0, 7]):
            label = pieces.nth(index).locator("..")
            label.tap() if size is PHONE else label.click()
            wait_for_answer(page)
            assert pieces.nth(index).is_checked()
            assert page.locator("#digits button").nth(digit).locator(".percent").inner_text() == "100%"
        clear(page)
        assert pieces.count() == 0


def test_learns_a_digit_of_a_number_with_the_keyboard(page):
    draw_with_mouse(page, in_a_row([DIGITS[4], DIGITS[0], DIGITS[7]]))
    before = wait_for_answer(page)
    pieces = page.get_by_role("radio")
    pieces.nth(0).focus()
    for key, index in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        assert pieces.nth(index).is_checked()
    for key in (*["Tab"] * 7, "Enter"):
        page.keyboard.press(key)
    page.get_by_text("Corrections: 1").wait_for(timeout=TENSORFLOW)
    assert wait_for_answer(page).startswith("This is\n467")
    assert pieces.nth(1).is_checked()
    assert page.evaluate("document.activeElement.innerText").startswith("6")
    page.get_by_role("button", name="Undo last").click()
    page.get_by_text("Corrections: 1").wait_for(state="hidden")
    assert wait_for_answer(page) == before


def test_says_that_the_first_correction_loads_tensorflow(browser):
    with drawing_page() as (address, _), visit(browser, address, **DESK) as page:
        draw_with_mouse(page, DIGITS[7])
        wait_for_answer(page)
        for message in ("Loading TensorFlow for the first correction", "Learning"):
            page.locator("#digits button").nth(7).click()
            assert page.locator("#answer").inner_text().startswith(message)
            page.locator("#digits button:enabled").first.wait_for(timeout=TENSORFLOW)


def test_shows_no_answer_while_a_stroke_is_unfinished(page):
    draw_with_mouse(page, DIGITS[7])
    wait_for_answer(page)
    x, y = on_page(page, [[(0.4, 0.52)]])[0][0]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    page.wait_for_timeout(300)
    assert "Drawing" in page.locator("#answer").inner_text()
    assert page.locator("#digits button:enabled").count() == 0
    page.mouse.up()
    assert wait_for_answer(page).split()[3] == "7"


def test_drops_late_replies(page):
    delayed = []

    def delay(route):
        if delayed:
            route.continue_()
        delayed.append(route)

    page.route("**/answer", delay)
    draw_with_mouse(page, DIGITS[1])
    while not delayed:
        page.wait_for_timeout(20)
    clear(page)
    draw_with_mouse(page, DIGITS[3])
    assert wait_for_answer(page).split()[3] == "3"
    with page.expect_response("**/answer"):
        delayed[0].continue_()
    page.wait_for_timeout(100)
    assert page.locator("#answer").inner_text().split()[3] == "3"


def test_right_button_and_second_finger_do_not_draw(browser, address):
    with visit(browser, address, **PHONE) as page:
        x, y = on_page(page, [[(0.5, 0.3)]])[0][0]
        page.mouse.click(x, y, button="right")
        assert page.locator("#drawing").evaluate(IS_BLANK)
        fingers = page.context.new_cdp_session(page)
        first, second = {"x": x, "y": y, "id": 0}, {"x": x + 60, "y": y, "id": 1}

        def touch(kind, *points):
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

        touch("touchStart", first)
        touch("touchStart", first, second)
        for _ in range(10):
            first["y"] += 15
            second["x"] += 3
            touch("touchMove", first, second)
        touch("touchEnd")
        assert wait_for_answer(page).split()[3] == "1"


def test_draws_with_the_keyboard(page):
    page.locator("#drawing").focus()
    for key in (" ", *["ArrowDown"] * 20, " "):
        page.keyboard.press(key)
    assert wait_for_answer(page).split()[3] == "1"


def test_clear_and_undo_strokes(page):
    draw_with_mouse(page, DIGITS[7])
    wait_for_answer(page)
    draw_with_mouse(page, [[(0.1, 0.9), (0.9, 0.9)]])
    wait_for_answer(page)
    page.keyboard.press("Control+z")
    assert wait_for_answer(page).split()[3] == "7"
    page.keyboard.press("Escape")
    assert page.locator("#drawing").evaluate(IS_BLANK)
    assert page.get_by_role("button", name="Undo stroke").is_disabled()
    assert page.locator("#answer").inner_text().startswith("Draw with")


def test_learns_a_correction_and_forgets_it(page):
    draw_with_mouse(page, NO_DIGITS["zigzag"])
    before = wait_for_answer(page)
    page.locator("#digits button").nth(4).click()
    page.get_by_text("Corrections: 1").wait_for(timeout=TENSORFLOW)
    assert wait_for_answer(page).startswith("This is a\n4")
    page.reload()
    page.get_by_text("Corrections: 1").wait_for()
    page.get_by_role("button", name="Forget all").click()
    page.get_by_text("Corrections: 1").wait_for(state="hidden")
    draw_with_mouse(page, NO_DIGITS["zigzag"])
    assert wait_for_answer(page) == before


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_fits_the_window_and_the_color_scheme(browser, address, size, color_scheme):
    with visit(browser, address, **size, color_scheme=color_scheme) as page:
        draw_with_mouse(page, DIGITS[2])
        wait_for_answer(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        corner = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 1, 1).data.slice(0, 3)]"
        for name in ("#input", "#evidence"):
            brightness = np.mean(page.locator(name).evaluate(corner))
            assert (brightness > 128) == (color_scheme == "light")
