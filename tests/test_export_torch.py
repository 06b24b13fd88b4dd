"""`to_torch` and `from_torch`: the module computes what `feedforward` computes, and comes back to the bit."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given

from cbackprop import export, network, network2
from cbackprop.costs import CrossEntropyCost, LogLikelihoodCost, QuadraticCost
from support import exported
from support.agreement import same_bits
from support.strategies import examples

torch = pytest.importorskip("torch", reason="torch, of the extra `test-export`, is not installed")
torch.set_num_threads(1)
nn = torch.nn


def outputs_of(module):
    """What the module answers, as a function of rows."""

    def outputs(X):
        with torch.no_grad():
            return module(torch.from_numpy(X)).numpy()

    return outputs


@examples(100)
@given(exported.networks())
def test_pytorch_computes_what_feedforward_does_and_gives_it_back(net):
    module, X = export.to_torch(net), exported.rows(net)
    exported.assert_agrees(outputs_of(module)(X), net, X)
    exported.assert_comes_back(export.from_torch(module, cost=vars(net).get("cost")), net, X)


@pytest.mark.parametrize("dtype", exported.DTYPES)
@pytest.mark.parametrize("name", exported.NAMES)
def test_each_activation_by_itself(name, dtype):
    exported.assert_is_f(outputs_of(export.to_torch(exported.one_neuron(name, dtype))), name, dtype)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_softmax(dtype):
    net, X = exported.softmax(dtype)
    expected = net.feedforward(X.T).T
    np.testing.assert_allclose(outputs_of(export.to_torch(net))(X), expected, rtol=1e-6, atol=1e-37)


MIXED = {"activation": ["tanh", "exponential"], "neuron_activations": {(2, 1): "relu", (2, 3): "exponential"}}


def test_what_the_module_is():
    net = network.Network([4, 5, 3], dtype=np.float32, activation=["tanh", "linear"])
    state = torch.get_rng_state()
    module = export.to_torch(net)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(map(type, module)) == [nn.Linear, nn.Tanh, nn.Linear, nn.Identity]
    assert list(module.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(p.requires_grad and p.dtype == torch.float32 for p in module.parameters())
    module[0].weight.data[:] = 0  # a copy
    assert (net.weights[0] != 0).all()


def test_it_is_trained_pickled_and_moved():
    net = network.Network([4, 5, 3], **MIXED)
    module = export.to_torch(net)
    assert list(module.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    X = torch.from_numpy(exported.rows(net))
    for copy in (pickle.loads(pickle.dumps(module)), module.double().to("cpu")):
        assert torch.equal(copy(X), module(X))
    with io.BytesIO() as file:
        torch.save(module, file)
        file.seek(0)
        assert torch.equal(torch.load(file, weights_only=False)(X), module(X))
    assert "relu: [1]" in str(module)
    x, y = exported.rows(net, 1).T, np.full((3, 1), 0.25)
    module(torch.from_numpy(x.T)).sub(torch.from_numpy(y.T)).square().sum().mul(0.5).backward()
    nabla_b, nabla_w = net.backprop(x, y)
    for i, linear in enumerate((module[0], module[2])):
        np.testing.assert_allclose(linear.weight.grad.numpy(), nabla_w[i], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(linear.bias.grad.numpy(), nabla_b[i].ravel(), rtol=1e-10, atol=1e-12)


# ---- from_torch ----


def test_modules_of_others():
    act = nn.ReLU()  # the same module at two places
    module = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(12, 5), act, nn.Dropout(0.5)),
        nn.Sequential(nn.Linear(5, 4, bias=False), nn.Identity(), act),
        nn.Linear(4, 4),
        nn.Linear(4, 2),
        nn.Softplus(),
    ).eval()
    net = export.from_torch(module)
    assert repr(net) == (
        "<Network 12-5-4-4-2, relu, relu, linear, softplus, QuadraticCost, float32, 119 parameters>"
    )
    assert type(net) is network.Network and net.sizes == [12, 5, 4, 4, 2]
    X = exported.rows(net)
    np.testing.assert_allclose(net.predict_proba(X), outputs_of(module)(X.reshape(7, 3, 4)), rtol=1e-5)
    assert (net.biases[1] == 0).all()
    net.weights[0][:] = 0  # a copy
    assert (module[1][0].weight != 0).all()


@pytest.mark.parametrize(
    ("last", "cost", "expected"),
    [
        (nn.Sigmoid(), None, None),
        (nn.Sigmoid(), CrossEntropyCost, CrossEntropyCost),
        (nn.Sigmoid(), QuadraticCost, QuadraticCost),
        (nn.Softmax(dim=1), None, LogLikelihoodCost),
        (nn.Softmax(dim=-1), LogLikelihoodCost, LogLikelihoodCost),
    ],
)
def test_the_cost_says_which_network(last, cost, expected):
    net = export.from_torch(nn.Sequential(nn.Linear(3, 2).double(), last), cost=cost)
    assert type(net) is (network.Network if expected is None else network2.Network)
    assert net.dtype == np.float64 and (expected is None or net.cost is expected)
    net.SGD([(np.ones((3, 1)), np.eye(2)[:, :1])], 1, 1, 0.1)


def test_numbers_are_not_drawn():
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    export.from_torch(nn.Sequential(nn.Linear(3, 2)))
    assert (np.random.get_state()[1] == state).all()


def hooked():
    linear = nn.Linear(3, 2)
    linear.register_forward_hook(print)
    return linear


def hooked_sequence():
    inner = nn.Sequential(nn.Linear(3, 2))
    inner.register_forward_pre_hook(print)
    return inner


class Twice(nn.Linear):
    def forward(self, X):
        return 2 * super().forward(X)


MODULES = export.to_torch(network.Network([2, 3], neuron_activations={(2, 1): "relu"}))
Sequential, Linear = nn.Sequential, nn.Linear


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (3, TypeError, "module is of <class 'int'>; expected a torch.nn.Sequential"),
        (Linear(3, 2), TypeError, r"Linear'>; expected a torch.nn.Sequential"),
        (Sequential(), ValueError, "there is no layer with weights"),
        (Sequential(nn.Conv2d(1, 1, 1)), TypeError, r"module\.0 is a Conv2d, which a network cannot hold"),
        (Sequential(Linear(3, 2), nn.GELU()), TypeError, r"module\.1 is a GELU"),
        (Sequential(Linear(3, 2), Sequential(nn.LayerNorm(2))), TypeError, r"module\.1\.0 is a Layer"),
        (Sequential(Twice(3, 2)), TypeError, r"module\.0 is a Twice"),
        (Sequential(hooked()), TypeError, r"module\.0 is a Linear with hooks"),
        (Sequential(hooked_sequence()), TypeError, r"module\.0 is a Sequential with hooks"),
        (Sequential(nn.Tanh(), Linear(3, 2)), ValueError, r"module\.0 is a Tanh that follows no Linear"),
        (Sequential(Linear(3, 2), nn.Tanh(), nn.ReLU()), ValueError, r"module\.2 is a ReLU that follows"),
        (Sequential(Linear(3, 2), Linear(3, 2)), ValueError, "do not fit together"),
        (Sequential(Linear(3, 2), nn.Softmax(dim=0)), ValueError, r"module\.1 is Softmax\(dim=0\)"),
        (Sequential(Linear(3, 2), nn.Softplus(beta=2)), ValueError, r"module\.1 is Softplus\(beta=2"),
        (Sequential(Linear(3, 2), nn.Softmax(dim=1), Linear(2, 2)), ValueError, "hidden layer"),
        (Sequential(Linear(3, 2).half()), TypeError, r"weight of module\.0 is torch.float16"),
        (Sequential(Linear(3, 2).bfloat16()), TypeError, r"weight of module\.0 is torch.bfloat16"),
        (Sequential(Linear(3, 2, device="meta")), TypeError, r"module\.0 is on the meta device"),
        (Sequential(Linear(3, 2), Linear(2, 2).double()), TypeError, "float32 and float64; expected one"),
        (Sequential(Linear(2, 2), MODULES[1]), ValueError, r"module\.1 has other neurons than the 2"),
        (Sequential(Linear(2, 2), nn.Flatten()), TypeError, r"module\.1 is a Flatten"),
        (Sequential(nn.Flatten(0), Linear(2, 2)), ValueError, r"module\.0 is Flatten\(start_dim=0"),
    ],
)  # fmt: skip
def test_what_a_network_cannot_hold(module, error, message):
    with pytest.raises(error, match=message):
        export.from_torch(module)


@pytest.mark.parametrize(
    ("cost", "error"), [(int, TypeError), (CrossEntropyCost, ValueError), (LogLikelihoodCost, ValueError)]
)
def test_a_cost_that_does_not_suit(cost, error):
    with pytest.raises(error, match="cost"):
        export.from_torch(nn.Sequential(nn.Linear(3, 2)), cost=cost)


def test_nan_comes_back_to_the_bit():
    net = network.Network([3, 2])
    net.weights[0][0] = np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000], "u8").view(
        "f8"
    )
    assert same_bits(export.from_torch(export.to_torch(net)), net)


def test_hooks_and_replaced_forwards_of_any_module_are_refused():
    whole = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid())
    whole.register_forward_hook(lambda module, inputs, outputs: outputs * 10)
    with pytest.raises(TypeError, match="module is a Sequential with hooks"):
        export.from_torch(whole)
    whole = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid())
    whole[0].forward = lambda z: z[:, :2]
    with pytest.raises(TypeError, match=r"module\.0 is a Linear whose forward is replaced"):
        export.from_torch(whole)
    whole = nn.Sequential(nn.Linear(3, 2))
    whole.add_module("again", whole)
    with pytest.raises(ValueError, match=r"module\.again is a Sequential inside itself"):
        export.from_torch(whole)
    whole = nn.Sequential(nn.Linear(3, 2))
    whole.add_module("nothing", None)
    with pytest.raises(TypeError, match=r"module\.nothing is None"):
        export.from_torch(whole)
