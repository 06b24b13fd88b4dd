"""How well a network answers, after each epoch of a call of SGD: counts, and in network2 costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbackprop import _arguments, _evaluation, _examples, _warnings, costs
from cbackprop._compiled import correct_answers, reads_examples
from cbackprop._data import DataSet, Untouched, read_for_evaluation
from cbackprop._parameters import layer_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cbackprop._epochs import Monitoring
    from cbackprop._evaluation import EvaluationSet
    from cbackprop._training import Training

# What is measured on each of the data: its cost and its accuracy.
NAMES = {
    "training_data": ("training_cost", "training_accuracy"),
    "evaluation_data": ("evaluation_cost", "evaluation_accuracy"),
    "test_data": ("test_cost", "test_accuracy"),
}


class Scores:
    """How well a network answers, after each epoch of one call of SGD.

    The examples are packed once, unless a replaced method will read them.

    Parameters
    ----------
    step : object
        ``step.net`` is the network.
    data : DataSet or Untouched
    measured : collection of str
        Which numbers will be read, by their names in `NAMES`.
    packed : cbackprop._training.Training, optional
        The examples, if they are packed already.

    Attributes
    ----------
    labelled : bool
        Whether each y of a pair is a label, not a target.
    is_part : bool
        Whether these are scores of a part of the examples: costs are then without regularisation.
    """

    is_part = False

    def __init__(
        self,
        step: Any,
        data: DataSet | Untouched,
        measured: Collection[str],
        packed: Training | None = None,
    ) -> None:
        net = step.net
        self.step, self.net, self.data = step, net, data
        self.packed: Training | EvaluationSet | None = packed
        self.module = net._cbackprop.module
        cost, accuracy = self.names = NAMES[data.name]
        self.labelled = labelled = data.name != "training_data"
        self.wants_accuracy = wants_accuracy = accuracy in measured
        self.wants_cost = wants_cost = cost in measured
        # network.py has evaluate, network2 accuracy.
        self.method = self.module.evaluation_methods[1]
        self.counts_answers = wants_accuracy and not self.module.replaced_method(net, (self.method,))
        if packed is None and isinstance(data, DataSet):
            if labelled and data.n and (wants_accuracy or wants_cost):
                self.pack(data)
            elif (
                self.counts_answers
                and data.is_thresholded
                and (data.is_arrays or reads_examples(net, data.examples, "feedforward"))
            ):
                _examples.check_examples(
                    net, data.examples, data.name, answers=True, threshold=data.threshold
                )
        if self.counts_answers and self.packed is not None:
            self.packed.check_classes(data.threshold)

    def pack(self, data: DataSet) -> None:
        """Pack the examples if the kernels will score them, or check them if the package reads them."""
        net, module = self.net, self.module
        methods = module.evaluation_methods
        if data.only_pairs:
            return
        replaced = module.replaced_method(net, methods) or not self.has_targets()
        if not replaced and not module.replaced(net):
            self.packed = _evaluation.EvaluationSet(
                net, data.examples, data.name, data.is_labelled(True), self.wants_cost
            )
        elif (data.is_arrays or not replaced) and reads_examples(net, data.examples):
            _examples.check_examples(
                net, data.examples, data.name, data.is_labelled(True), self.counts_answers, data.threshold
            )
        elif self.counts_answers:
            data.refuse_names()

    def has_targets(self) -> bool:
        """Whether the package itself makes a label's target."""
        return True

    def warn_of_one_output(self) -> bool:
        """Warn if the count of right answers means nothing; return whether it did."""
        return self.counts_answers and _warnings.of_one_output(self.net, self.data)

    def correct(self) -> int:
        """The number of right answers of the network as it is now, by `evaluate` or `accuracy`."""
        net, data = self.net, self.data
        if (
            isinstance(data, Untouched)
            or (self.labelled and data.only_pairs)
            or self.module.replaced_method(net, (self.method,))
        ):
            convert = {} if self.labelled else {"convert": True}
            return getattr(net, self.method)(data.given, **convert)
        if self.packed is None or self.module.replaced(net, ("feedforward",)):
            return correct_answers(net, data, self.labelled)
        return self.score(self.packed)[0]

    def score(self, packed: Training | EvaluationSet) -> tuple[int, float]:
        """(right answers, mean cost), as far as they are wanted, from one pass over the packed examples."""
        return packed.score(self.net, self.wants_accuracy, None)

    def penalty(self, n: int) -> float:
        """What regularisation adds to the mean cost of n examples."""
        return 0.0


class CostScores(Scores):
    """Accuracy and cost on the training data or on the evaluation data, from one pass over them an epoch."""

    scored: tuple[int, float] | None = None

    def measures(self) -> dict[str, tuple[Callable[[], Any], int]]:
        """What `Monitoring` calls for each number."""
        n, (cost, accuracy) = self.data.n, self.names
        return {cost: (self.cost, n), accuracy: (self.correct, n)}

    def cost(self) -> float:
        """The mean cost of the network as it is now, by `total_cost`."""
        net, step = self.net, self.step
        lmbda = 0.0 if self.is_part else step.lmbda
        if (
            self.packed is None
            or self.module.replaced(net, ("feedforward", "total_cost"))
            or not self.has_targets()
        ):
            convert = {"convert": True} if self.labelled and not self.is_target() else {}
            return net.total_cost(self.data.given, lmbda, **convert, **step.penalty_options())
        return self.score(self.packed)[1] + penalty_of(net, lmbda, self.data.n, step.regularization)

    def penalty(self, n: int) -> float:
        """See `Scores`."""
        step = self.step
        return penalty_of(self.net, _arguments.number(step.lmbda, "lmbda"), n, step.regularization)

    def is_target(self) -> bool:
        """Whether the package's own `total_cost` takes each y of pairs as the target of one output neuron."""
        data = self.data
        return (
            data.is_thresholded
            and not data.is_arrays
            and not self.module.replaced_method(self.net, ("total_cost",))
        )

    def has_targets(self) -> bool:
        """Whether the package itself makes the target of a label."""
        return self.module.has_builtin("vectorized_result")

    def forget(self) -> None:
        """Forget the latest score: the network changes."""
        self.scored = None

    def score(self, packed: Training | EvaluationSet) -> tuple[int, float]:
        """See `Scores`."""
        if self.scored is None:
            cost = cost_function(self.net) if self.wants_cost else None
            self.scored = packed.score(self.net, self.wants_accuracy, cost)
        return self.scored


def forgetting(train_epoch: Callable[[Any], bool], *scores: Any) -> Callable[[Any], bool]:
    """`train_epoch`, before which these scores forget what they were."""

    def forgetting_epoch(eta: Any) -> bool:
        for score in scores:
            score.forget()
        return train_epoch(eta)

    return forgetting_epoch


def cost_function(net: Any) -> Any:
    """The cost as the kernels take it: a name, or the user's own function."""
    costs.check(net.cost, net._cbackprop.activations, len(net.weights) + 1)
    return costs.builtin_fn(net.cost) or net.cost.fn


def penalty_of(net: Any, lmbda: float, n: int, regularization: str) -> float:
    """What regularisation adds to the cost: the reference's `penalty`, but with one order of its sums."""
    if regularization == "L1":
        return lmbda / n * _evaluation.sum_of_weights(net, False)
    return 0.5 * (lmbda / n) * _evaluation.sum_of_weights(net, True)


# ---- evaluation data ----


def read_evaluation_data(
    net: Any, data: Any, monitoring: Monitoring, threshold: float | None
) -> DataSet | Untouched:
    """The evaluation data, checked for what is measured on them."""
    methods = {"evaluation_accuracy": "accuracy", "evaluation_cost": "total_cost"}
    measuring = [methods[name] for name in methods if name in monitoring.measured]
    tests = read_for_evaluation(net, data, "evaluation_data", measuring, threshold)
    rules = monitoring.rules
    needed_by = [f"monitor_{name}" for name in sorted(monitoring.monitored) if name in methods]
    needed_by += rules.names
    if needed_by and not tests.n:
        state = "empty" if data is not None else None
        raise ValueError(f"evaluation_data is {state}; {needed_by[0]} needs it")
    if rules.names and rules.measure == "evaluation_accuracy" and threshold is None:
        check_stopping(net, tests, rules.names[0])
    return tests


def check_stopping(net: Any, data: DataSet | Untouched, rule: str) -> None:
    """Raise a ValueError if no accuracy can say when to stop."""
    if net._cbackprop.module.replaced_method(net, ("accuracy",)):
        return
    way_out = (
        "give the network an output neuron for each class, replace `accuracy`, go by the cost "
        "(stop_on='evaluation_cost'), of one output that answers 0 or 1 pass threshold=0.5, or monitor the "
        "cost (monitor_evaluation_cost=True) and choose the number of epochs from `history`"
    )
    if layer_sizes(net)[-1] == 1:
        raise ValueError(
            f"{rule} goes by the accuracy on evaluation_data, which says nothing of one output neuron: "
            f"{way_out}"
        )
    if isinstance(data, DataSet) and data.is_arrays and data.examples[1].ndim == 2:
        Y = data.examples[1]
        if not ((Y == 0) | (Y == 1)).all():
            raise ValueError(
                f"{rule} goes by the accuracy on evaluation_data, and its targets are real numbers, not "
                f"classes: {way_out}"
            )
