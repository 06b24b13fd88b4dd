"""The page docs/backward_pass: its numbers are the package's, and a link holds them all."""

import re

import numpy as np
import pytest

from cbackprop import network
from support import backward_pass_page
from support.agreement import difference, parameter_difference, worst_difference
from support.backward_pass_page import (
    KINDS,
    OUTPUTS,
    READ,
    SIZES,
    Example,
    assert_numbers,
    follow,
    lines_of_python,
    number,
    parameters,
    shown,
)

pytestmark = backward_pass_page.NEEDS
chromium = pytest.fixture(scope="module")(backward_pass_page.chromium)
opened = pytest.fixture(backward_pass_page.opened)


@pytest.mark.parametrize("cost", OUTPUTS)
def test_numbers_are_the_packages(opened, cost):
    page = opened()
    page.locator("#all-digits").check()
    for kind in (kind for kind in KINDS if kind[0] == cost):
        rng = np.random.default_rng(KINDS.index(kind))
        for sizes in SIZES:
            example = Example(rng, sizes, *kind)
            follow(page, example.link)
            assert_numbers(shown(page), example.expected(), example.link)


def test_saturated_neurons(opened):
    # 1 − a has lost its digits here, so what is left of them is compared with the size of 1.
    page = opened()
    page.locator("#all-digits").check()
    for kind in KINDS:
        example = Example(np.random.default_rng(KINDS.index(kind)), [3, 4, 2], *kind)
        example.net.weights = [30 * w for w in example.net.weights]
        flat = ",".join(repr(float(v)) for w in example.net.weights for v in w.ravel())
        follow(page, re.sub(r"w=[^&]*", f"w={flat}", example.link))
        numbers, expected = shown(page), example.expected()
        assert np.isfinite(numbers.pop("cost"))
        for name, values in numbers.items():
            for ours, theirs in zip(values, expected[name], strict=True):
                assert np.isfinite(ours).all()
                scale = max(1, np.abs(theirs).max())
                np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize(
    ("kind", "y", "cost"),
    [
        ("output=sigmoid&cost=cross-entropy", "1,0", 0),
        ("output=sigmoid&cost=cross-entropy", "1,1", np.finfo(float).max),
        ("output=softmax&cost=log-likelihood", "1,0", 0),
        ("output=softmax&cost=log-likelihood", "0,1", np.finfo(float).max),
    ],
)
def test_an_infinite_cost_is_the_largest_number(opened, kind, y, cost):
    page = opened(f"sizes=1-2&x=1&b=0,0&w=1000,-1000&y={y}&{kind}")
    page.locator("#all-digits").check()
    assert number(page.locator("#cost").inner_text()) == pytest.approx(cost)
    scope = {}
    exec(lines_of_python(page).partition("net.update")[0], scope)
    assert scope["C"] == pytest.approx(cost)


def test_numbers_are_rounded_unless_all_digits_are_asked_for(opened):
    page = opened()
    rounded = shown(page)
    page.locator("#all-digits").check()
    for name, values in shown(page).items():
        for exact, short in zip(values, rounded[name], strict=True):
            assert not np.array_equal(exact, short) or name == "a"
            np.testing.assert_allclose(short, exact, rtol=5e-3, atol=5.1e-5)


@pytest.mark.parametrize("sizes", [[2, 3, 1], [3, 4, 2]])
def test_everything_set_through_the_controls(opened, sizes):
    example = Example(np.random.default_rng(5), sizes, "cross-entropy", "sigmoid", "tanh")
    page = opened()
    page.locator("#preset").select_option("-".join(map(str, sizes)))
    page.locator("#hidden").select_option("tanh")
    page.locator("#cost-choice").select_option("cross-entropy")
    fields = {f"x-{k + 1}": v for k, v in enumerate(example.x.ravel())}
    fields |= {f"y-{j + 1}": v for j, v in enumerate(example.y.ravel())}
    for l, (w, b) in enumerate(zip(example.net.weights, example.net.biases), 2):
        fields |= {f"w-{l}-{j + 1}-{k + 1}": v for (j, k), v in np.ndenumerate(w)}
        fields |= {f"b-{l}-{j + 1}": v for (j, _), v in np.ndenumerate(b)}
    for id_, value in fields.items():
        page.locator(f"#{id_}").fill(repr(float(value)))
    page.locator("#all-digits").check()
    assert_numbers(shown(page), example.expected())


def test_costs_and_outputs_go_together(opened):
    page = opened()
    page.locator("#output").select_option("softmax")
    assert page.locator("#cost-choice").input_value() == "log-likelihood"
    assert "log-likelihood" in page.locator("#notice").inner_text()
    page.locator("#cost-choice").select_option("cross-entropy")
    assert page.locator("#output").input_value() == "sigmoid"
    page.locator("#output").select_option("relu")
    assert page.locator("#cost-choice").input_value() == "quadratic"


def test_the_right_class_is_chosen_with_softmax(opened):
    page = opened("sizes=2-3-3&output=softmax&cost=log-likelihood&y=0,1,0")
    assert page.locator("#y-2").is_checked()
    page.locator("#y-3").check()
    assert "y = np.array([[0], [0], [1]], float)" in lines_of_python(page)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[6], KINDS[-10], KINDS[-1]], ids="-".join)
def test_a_step_is_update_mini_batch(opened, kind):
    example = Example(np.random.default_rng(9), [3, 4, 2], *kind)
    page = opened(example.link)
    page.locator("#eta").fill("0.3")
    for _ in range(5):
        page.locator("#descend").click()
        example.net.update_mini_batch([(example.x, example.y)], 0.3, 0.0, 1)
    assert parameter_difference(parameters(page), example.net) <= 1e-12
    assert page.locator("#descended").inner_text().startswith("5 steps")
    if kind == KINDS[0]:
        plain = network.Network(example.sizes)
        before = Example(np.random.default_rng(9), [3, 4, 2], *kind)
        plain.weights, plain.biases = before.net.weights, before.net.biases
        for _ in range(5):
            plain.update_mini_batch([(example.x, example.y)], 0.3)
        assert parameter_difference(parameters(page), plain) <= 1e-12


def test_a_step_that_leads_too_far_is_not_taken(opened):
    link = "sizes=2-2-1&hidden=linear&output=linear&eta=100&x=900,900"
    page = opened(link)
    before = parameters(page)
    page.locator("#descend").click()
    assert "smaller η" in page.locator("#notice").inner_text()
    assert parameter_difference(parameters(page), before) == 0


@pytest.mark.parametrize("kind", [KINDS[3], KINDS[-8], KINDS[-3]], ids="-".join)
def test_the_lines_of_python_give_the_pages_numbers(opened, kind):
    example = Example(np.random.default_rng(2), [2, 3, 3, 2], *kind)
    page = opened(example.link)
    page.locator("#all-digits").check()
    numbers, scope = shown(page), {}
    exec(lines_of_python(page), scope)
    assert worst_difference(numbers["db"], scope["nabla_b"]) <= 1e-12
    assert worst_difference(numbers["dw"], scope["nabla_w"]) <= 1e-12
    assert difference(numbers["cost"][0], scope["C"]) <= 1e-12
    page.locator("#descend").click()
    assert parameter_difference(parameters(page), scope["net"]) <= 1e-12


def test_a_seed_draws_what_numpy_draws(opened):
    page = opened("sizes=3-5-4-2")
    for seed in (0, 1, 20, 2**32 - 1):
        page.locator("#seed").fill(str(seed))
        page.locator("#reset").click()
        np.random.seed(seed)
        drawn = network.Network([3, 5, 4, 2])
        assert parameter_difference(parameters(page), drawn) <= 1e-15


def test_layers_are_added_and_removed(opened):
    page = opened()

    def sizes():
        return [int(field.input_value()) for field in page.locator("#sizes input").all()]

    page.locator("#add-layer").click()
    assert sizes() == [2, 3, 3, 1] and page.locator("#preset").input_value() == "2-3-3-1"
    page.locator("#size-2").fill("5")
    page.locator("#size-2").press("Tab")
    assert sizes() == [2, 5, 3, 1] and page.locator("#preset").input_value() == ""
    page.locator("#size-2").fill("6")
    page.locator("#size-2").press("Tab")
    assert sizes() == [2, 5, 3, 1]
    for _ in range(2):
        page.locator("#add-layer").click()
    assert len(sizes()) == 6 and page.locator("#add-layer").is_disabled()
    for _ in range(4):
        page.locator("#remove-layer").click()
    assert sizes() == [2, 1] and page.locator("#remove-layer").is_disabled()
    assert {"z", "a", "delta", "dw", "db", "cost"} <= shown(page).keys()


def test_a_link_holds_the_state(opened):
    example = Example(np.random.default_rng(4), [2, 3, 3, 1], "quadratic", "tanh", "softplus")
    page = opened(f"{example.link}&eta=0.25&seed=7&step=5&edges=gradient")
    page.wait_for_function("location.hash.includes('edges=gradient')")
    page.locator("#x-1").fill("0.1")
    page.wait_for_function("location.hash.includes('x=0.1,')")
    other = opened(page.url.partition("#")[2])
    assert lines_of_python(other) == lines_of_python(page)
    assert other.evaluate(READ) == page.evaluate(READ)
    assert other.locator("#seed").input_value() == "7"
    assert other.locator("[name=step]:checked").get_attribute("value") == "5"
    assert other.locator("[name=edges]:checked").get_attribute("value") == "gradient"


DAMAGED = [
    ("sizes=2-3-6", "sizes has “6”; expected a whole number from 1 to 5"),
    ("sizes=2-3.5-1", "sizes has “3.5”"),
    ("sizes=2", "sizes has 1 layers; expected 2 to 6"),
    ("sizes=" + "-".join(["1"] * 5000), "sizes has 5000 layers"),
    ("w=1,2", "w has 2 numbers; expected 9"),
    ("x=1,NaN", "x has “NaN”"),
    ("x=1,", "x has “”"),
    ("x=1,1e999", "x has “1e999”; expected a number from -1000 to 1000"),
    ("eta=-1", "eta has “-1”"),
    ("seed=1.5", "seed has “1.5”; expected a whole number"),
    ("step=99", "step has “99”"),
    ("hidden=constructor", "hidden is “constructor”; expected sigmoid"),
    ("cost=__proto__", "cost is “__proto__”"),
    ("cost=quadratic&output=softmax", "output is “softmax”"),
    ("cost=cross-entropy&y=2", "y has “2”; expected a number from 0 to 1"),
    ("sizes=1-2&cost=log-likelihood&y=1,1", "expected a single 1"),
    ("edges=<img src=x onerror=alert(1)>", "edges is “<img src=x onerror=alert(1)>”"),
    ("x=%", "damaged"),
]


def test_a_damaged_link_is_named_and_changes_nothing(opened):
    page = opened()
    for link, message in DAMAGED:
        follow(page, "eta=0.125")
        assert not page.locator("#problem").is_visible()
        before = page.evaluate(READ)
        follow(page, link)
        assert message in page.locator("#problem").inner_text()
        assert page.evaluate(READ) == before
        assert page.locator("#eta").input_value() == "0.125"
