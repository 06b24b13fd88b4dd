"""The page docs/backward_pass, in a real browser: its numbers are the package's, and everyone can use it.

Chromium opens the page from its file, with the network switched off. No test may leave a message in the console
or have asked for anything beyond the page's own files.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from cbackprop import activations, network, network2
from support.agreement import difference, parameter_difference, worst_difference

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright, of the extra `browser`, is not installed"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python, of the extra `browser`, is not installed",
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "backward_pass" / "index.html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="docs/backward_pass is not beside the tests"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt install chromium"),
]

HIDDEN = ("sigmoid", "tanh", "relu", "softplus", "linear")
OUTPUTS = {"quadratic": HIDDEN, "cross-entropy": ("sigmoid",), "log-likelihood": ("softmax",)}
KINDS = [(cost, output, hidden) for cost in OUTPUTS for output in OUTPUTS[cost] for hidden in HIDDEN]
COSTS = {
    "quadratic": network2.QuadraticCost,
    "cross-entropy": network2.CrossEntropyCost,
    "log-likelihood": network2.LogLikelihoodCost,
}
SIZES = ([2, 3, 1], [2, 2, 2], [3, 4, 2], [2, 3, 3, 1], [1, 1, 1, 1, 1, 1], [5, 5], [1, 2])


@pytest.fixture(scope="module")
def chromium():
    # Without Chromium's own sandbox, which root may not have: it shows a page of this repository's alone.
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """A function that opens the page with what follows the # of its address, and options of the browser's."""
    contexts, complaints = [], []

    def check_request(request):
        if not request.url.startswith((PAGE.parent.as_uri(), "data:")):
            complaints.append(f"asked for {request.url}")

    def open_page(state="", **options):
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)  # on a busy machine, too
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", check_request)
        page.goto(f"{PAGE.as_uri()}#{state}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


class Example:
    """A network of the package's with an example, drawn at random, and the link that gives them to the page."""

    def __init__(self, rng, sizes, cost="quadratic", output="sigmoid", hidden="sigmoid"):
        self.sizes, self.cost, self.output = sizes, cost, output
        self.activation = [hidden] * (len(sizes) - 2) + [output]
        self.net = network2.Network(sizes, COSTS[cost], activation=self.activation)
        # Small enough that no neuron saturates: there 1 − a has few digits, in Python as on the page.
        self.net.weights = [rng.uniform(-1, 1, w.shape) for w in self.net.weights]
        self.net.biases = [rng.uniform(-1, 1, b.shape) for b in self.net.biases]
        self.x = rng.uniform(-1, 1, (sizes[0], 1))
        self.y = rng.uniform(0, 1, (sizes[-1], 1))
        if cost == "log-likelihood":
            self.y = np.eye(sizes[-1])[:, [rng.integers(sizes[-1])]]
        choices = {"sizes": "-".join(map(str, sizes)), "hidden": hidden, "output": output, "cost": cost}
        numbers = {"x": [self.x], "y": [self.y], "w": self.net.weights, "b": self.net.biases}
        for key, arrays in numbers.items():
            choices[key] = ",".join(repr(float(v)) for array in arrays for v in array.ravel())
        self.link = "&".join(f"{key}={value}" for key, value in choices.items())

    def first_layers(self, l, activation):
        """The network's layers up to l, the last of them with this activation."""
        cost = COSTS["log-likelihood" if activation == "softmax" else "quadratic"]
        part = network2.Network(self.sizes[:l], cost, activation=[*self.activation[: l - 2], activation])
        part.weights, part.biases = self.net.weights[: l - 1], self.net.biases[: l - 1]
        return part

    def expected(self):
        """What the package computes, by the page's names."""
        nabla_b, nabla_w = self.net.backprop(self.x, self.y)
        numbers = {"a": [self.x], "z": [], "prime": []}
        for l, activation in enumerate(self.activation, 2):
            z = self.first_layers(l, "linear").feedforward(self.x)
            numbers["z"].append(z)
            numbers["a"].append(self.first_layers(l, activation).feedforward(self.x))
            if activation == "sigmoid":
                numbers["prime"].append(network.sigmoid_prime(z))
            elif activation != "softmax":
                numbers["prime"].append(getattr(activations, f"{activation}_prime")(z))
        cost = np.array(self.net.cost.fn(self.net.feedforward(self.x), self.y))
        return numbers | {"delta": nabla_b, "db": nabla_b, "dw": nabla_w, "cost": [cost]}


READ = """() => Object.fromEntries(
    [...document.querySelectorAll("#cost, #neurons [id], #parameters [id^=d]")]
        .map(({id, textContent}) => [id, textContent]))"""


def number(text):
    return float(text.replace("−", "-"))


def shown(page):
    """The numbers that the page displays, by name; each a list of arrays, a layer each."""
    numbers = {}
    for id_, text in page.evaluate(READ).items():
        if text in ("", "–"):  # not computed yet, or there is no such number
            continue
        name, *place = id_.split("-")
        layer = int(place[0]) if place else 0
        numbers.setdefault(name, {}).setdefault(layer, {})[tuple(map(int, place[1:]))] = number(text)
    return {
        name: [as_array(entries) for _, entries in sorted(layers.items())] for name, layers in numbers.items()
    }


def as_array(entries):
    """{(j, k): value}, where j and k count from 1, as a matrix; {(j,): value} as a column."""
    if () in entries:
        return np.array(entries[()])
    shape = np.max(list(entries), axis=0)
    array = np.full(shape, np.nan)
    for place, value in entries.items():
        array[tuple(n - 1 for n in place)] = value
    return array if array.ndim == 2 else array.reshape(-1, 1)


def assert_numbers(numbers, expected, link=""):
    assert numbers.keys() >= {"z", "a", "delta", "dw", "db", "cost"}
    for name, values in numbers.items():
        assert worst_difference(values, expected[name]) <= 1e-12, f"{name} of {link}"


def follow(page, link):
    """Go to another state of the page, as a link on it would."""
    page.evaluate(
        """link => new Promise(done => {
            addEventListener("hashchange", done, {once: true});
            location.hash = link;
        })""",
        link,
    )


def lines_of_python(page):
    """The lines of Python that the page shows."""
    page.locator("#in-python").evaluate("details => { details.open = true; }")
    page.locator("#python").filter(has_text="import").wait_for()
    return page.locator("#python").inner_text()


def parameters(page):
    """The network that the page has now, from its lines of Python."""
    scope = {}
    exec(lines_of_python(page).partition("nabla_b")[0], scope)
    return scope["net"]


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


@pytest.mark.parametrize("seed", [0, 1, 20, 2**32 - 1])
def test_a_seed_draws_what_numpy_draws(opened, seed):
    page = opened("sizes=3-5-4-2")
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


@pytest.mark.parametrize(
    ("link", "message"),
    [
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
    ],
)
def test_a_damaged_link_is_named_and_changes_nothing(opened, link, message):
    page = opened("eta=0.125")
    before = page.evaluate(READ)
    follow(page, link)
    assert message in page.locator("#problem").inner_text()
    assert page.evaluate(READ) == before
    assert page.locator("#eta").input_value() == "0.125"
    follow(page, "eta=0.25")
    assert not page.locator("#problem").is_visible()


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
        "Input", "Forward 2", "Forward 3", "Forward 4", "Cost", "BP1", "BP2, layer 3", "BP2, layer 2", "BP3", "BP4",
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
    page.locator("#descended").filter(has_text="3 steps").wait_for()
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
    for link in ("sizes=2-3-1", "sizes=3-4-2&step=3", "sizes=5-5-5-5-5-5", "output=softmax&cost=log-likelihood"):
        follow(page, link)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(opened, scheme, width):
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 900})
    for state in ("sizes=3-4-2", "sizes=2-2-2&cost=log-likelihood&step=3", "sizes=nothing"):
        follow(page, state)
        lines_of_python(page)
        page.locator("#w-2-1-1").fill("9999")  # and so not allowed
        found = axe.Axe().run(page, options={"preload": False}).response  # which a file may not
        problems = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert not problems
        assert len(found["passes"]) > 20
