"""The page docs/backward_pass in Chromium, and networks of the package's to hold beside it.

Chromium opens the page from its file, with the network switched off. No test may leave a message in the
console, or have asked for anything beyond the page's own files.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cbackprop import activations, network, network2
from support.agreement import worst_difference

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright, of the extra `browser`, is not installed"
)

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "backward_pass" / "index.html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Why a test cannot run: the pytestmark of its module.
NEEDS = [
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


def chromium():
    """Yield the browser: a fixture for a module."""
    # Without Chromium's own sandbox, which root may not have: it shows a page of this repository's alone.
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield browser
        browser.close()


def opened(chromium):
    """Yield a function that opens the page, given what its address has after #, and the browser's options.

    It is a fixture for a test, and fails if the page has complained.
    """
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
    """A network with an example, drawn at random, and the link that gives both to the page."""

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
