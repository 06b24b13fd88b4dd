"""The page docs/backward_pass is for everyone: with a mouse, a keyboard or a screen reader, on any screen."""

import re

import numpy as np
import pytest

from support import backward_pass_page
from support.agreement import parameter_difference, worst_difference
from support.backward_pass_page import READ, Example, follow, lines_of_python, number, parameters, shown

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python, of the extra `browser`, is not installed",
)

pytestmark = backward_pass_page.NEEDS
chromium = pytest.fixture(scope="module")(backward_pass_page.chromium)
opened = pytest.fixture(backward_pass_page.opened)


def test_a_number_that_is_not_allowed_changes_nothing(opened):
    page = opened()
    before = page.evaluate(READ)
    field = page.locator("#w-2-1-1")
    held = field.input_value()
    for text in ("", "1001", "-1e9"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true"
        assert page.evaluate(READ) == before
        field.blur()
        assert field.input_value() == held and field.get_attribute("aria-invalid") is None


def test_steps_show_what_has_been_computed(opened):
    page = opened("sizes=2-3-3-1")
    chips = page.locator("#steps label").all_inner_texts()
    assert chips == [
        "Input", "Forward 2", "Forward 3", "Forward 4", "Cost",
        "BP1", "BP2, layer 3", "BP2, layer 2", "BP3", "BP4",
    ]  # fmt: skip
    # The numbers of layers known at each step, of: a, z, delta, db, dw.
    known = [
        (1, 0, 0, 0, 0), (2, 1, 0, 0, 0), (3, 2, 0, 0, 0), (4, 3, 0, 0, 0), (4, 3, 0, 0, 0),
        (4, 3, 1, 0, 0), (4, 3, 2, 0, 0), (4, 3, 3, 0, 0), (4, 3, 3, 3, 0), (4, 3, 3, 3, 3),
    ]  # fmt: skip
    while page.locator("#previous").is_enabled():
        page.locator("#previous").click()
    for i, counts in enumerate(known):
        assert page.locator("[name=step]:checked").get_attribute("value") == str(i)
        numbers = shown_at_a_step(page)
        assert tuple(numbers[name] for name in ("a", "z", "delta", "db", "dw")) == counts
        assert (page.locator("#cost").inner_text() != "not computed yet") == (i >= 4)
        assert page.locator("#written-out dd").count() > 0
        assert page.locator("#sentence").inner_text().endswith(".")
        if i < 9:
            page.locator("#next").click()
    assert page.locator("#next").is_disabled()


def shown_at_a_step(page):
    """How many layers of each quantity are displayed."""
    layers = {name: set() for name in ("a", "z", "prime", "delta", "db", "dw")}
    for id_, text in page.evaluate(READ).items():
        if id_ != "cost" and text not in ("", "–"):
            layers[id_.split("-")[0]].add(id_.split("-")[1])
    return {name: len(found) for name, found in layers.items()}


def test_sums_written_out_are_right(opened):
    page = opened("sizes=2-3-3-1")
    for i in range(10):
        page.evaluate("i => document.querySelectorAll('[name=step]')[i].click()", i)
        for text in page.locator("#written-out dd").all_inner_texts():
            *_, left, right = text.removeprefix("= ").split(" = ") if " = " in text else (None, None)
            if left is None or "σ" in left:
                continue
            left = left.replace("−", "-").replace("·", "*")
            assert eval(left) == pytest.approx(number(right), rel=0.02, abs=0.02), text


def tab_to(page, selector):
    """Press Tab until the element has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_everything_works_from_the_keyboard(opened):
    page = opened()
    page.locator("#all-digits").check()
    before = shown(page)

    tab_to(page, "#w-2-1-2-slider")
    page.keyboard.press("ArrowRight")
    moved = shown(page)
    for name in ("z", "a", "delta", "dw", "cost"):
        assert worst_difference(moved[name], before[name]) > 0, name

    page.evaluate("document.activeElement.blur()")
    tab_to(page, "[name=step]")
    page.keyboard.press("Home")
    for expected in ("BP3", "BP2", "BP1"):
        page.keyboard.press("ArrowLeft")
        assert page.locator("#step-title").inner_text().startswith(expected)
    tab_to(page, "#x-1")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.75")
    assert page.locator("#a-1-1").inner_text() == "0.75"
    tab_to(page, "#descend")
    page.keyboard.press("Enter")
    assert page.locator("#descended").inner_text().startswith("1 step:")

    page.reload()
    tab_to(page, "#hidden")
    page.keyboard.press("ArrowDown")
    assert page.locator("#hidden").input_value() == "tanh"
    tab_to(page, "[name=edges]")
    page.keyboard.press("ArrowLeft")
    assert "the weights" in page.locator("#drawing").get_attribute("aria-label")
    tab_to(page, "#previous")
    page.keyboard.press("Space")
    assert page.locator("#step-title").inner_text().startswith("BP3")


def test_the_focus_is_seen(opened):
    page = opened()
    seen = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => {
                const radio = document.activeElement.matches(".chip input");
                const shown = radio ? document.activeElement.nextElementSibling : document.activeElement;
                const style = getComputedStyle(shown);
                return [document.activeElement.id, style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        if page.evaluate("document.activeElement === document.body"):
            break
        seen.add(style[0])
        assert style[1] == "solid" and style[2] >= 2, style
    assert {"preset", "descend", "w-2-1-1", "w-2-1-1-slider", "b-3-1", "copy-link"} <= seen


def test_changes_of_the_cost_are_said(opened):
    page = opened()
    page.wait_for_function("location.hash.includes('sizes')")
    assert page.locator("#announcement").inner_text() == ""
    before = page.locator("#cost").inner_text()
    page.locator("#descend").click()
    page.locator("#announcement").filter(has_text="The cost is").wait_for(state="attached")
    after = page.locator("#cost").inner_text()
    assert page.locator("#announcement").inner_text() == f"The cost is {after}; it was {before}."


def test_repeated_descent_and_its_end(opened):
    page = opened()
    page.locator("#repeat").click()
    page.wait_for_function("parseInt(document.getElementById('descended').textContent) >= 3")
    assert page.locator("#repeat").get_attribute("aria-pressed") == "true"
    page.locator("#repeat").click()
    taken = page.locator("#descended").inner_text()
    page.wait_for_timeout(500)
    assert page.locator("#descended").inner_text() == taken
    cost = [number(part) for part in re.findall(r"(?:from|to) ([\d.e−]*\d)", taken)]
    assert cost[1] < cost[0]


def test_motion_is_left_out_where_it_is_not_wanted(opened):
    example = Example(np.random.default_rng(6), [2, 3, 1])
    page = opened(example.link, reduced_motion="reduce")
    assert not page.locator("#play").is_visible()
    page.locator("#repeat", has_text="100 steps").click()
    assert page.locator("#descended").inner_text().startswith("100 steps")
    for _ in range(100):
        example.net.update_mini_batch([(example.x, example.y)], 0.5, 0.0, 1)
    assert parameter_difference(parameters(page), example.net) <= 1e-12
    follow(page, "step=1")
    assert page.locator(".flow.forward").first.evaluate("e => getComputedStyle(e).animationName") == "none"


def test_the_sign_is_seen_without_colour(opened):
    page = opened("sizes=1-2&w=1,-1&edges=w")
    dashes = page.locator("#drawing line.line").evaluate_all("all => all.map(e => e.style.strokeDasharray)")
    assert [bool(each) for each in dashes] == [False, True]


def test_the_picture_leads_to_the_fields(opened):
    page = opened("sizes=1-1")
    page.locator(".reach").dispatch_event("click")
    assert page.evaluate("document.activeElement.id") == "w-2-1-1"
    assert "w²₁₁" in page.locator(".edge-label").text_content()
    page.locator(".neuron").nth(1).dispatch_event("click")
    assert page.evaluate("document.activeElement.id") == "b-2-1"


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_the_page_is_never_wider_than_the_screen(opened, width):
    page = opened(viewport={"width": width, "height": 800})
    page.locator("#all-digits").check()
    for link in ("sizes=2-3-1", "sizes=5-5-5-5-5-5&step=3", "output=softmax&cost=log-likelihood"):
        follow(page, link)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(opened, scheme, width):
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 900})
    for state in ("sizes=3-4-2&cost=log-likelihood&step=4", "sizes=nothing"):
        follow(page, state)
        lines_of_python(page)
        page.locator("#w-2-1-1").fill("9999")  # and so not allowed
        found = axe.Axe().run(page, options={"preload": False}).response  # which a file may not
        problems = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert not problems
        assert len(found["passes"]) > 20
