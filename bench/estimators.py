"""cbackprop.sklearn beside scikit-learn, PyTorch, skorch and Keras, taking turns in one process.

    python bench/estimators.py [--threads 1] [--runs 5] [--cases NAME ...] [--peers NAME ...] [--seeds 10]
                               [--json FILE] [--quick]

Needs scikit-learn (`pip install .[sklearn]`); what else is not installed is named. MNIST as CBACKPROP_MNIST
has it, or else the package's sample. Times are of training, for the same number of epochs with the same
settings. Ours and scikit-learn's start from the same random_state, so they must end with the same answers:
exits 1 if their accuracies on the training data differ by more than one example in a hundred, or if another
peer's loss fell by less than half as much as scikit-learn's.

With `--seeds`, both are also trained to the end from so many seeds, each on its own four fifths of the data,
and scored on the rest: exits 1 if the mean accuracies differ by more than a standard error.
"""

import argparse
import statistics
import sys
import time

import cases
import field
import machine
import numpy as np
import peers
import tables
import verify

OURS, THEIRS = "cbackprop", "scikit-learn"
ALLOWED = 0.01  # of the answers
LEAST_FALL = 0.5  # of that of scikit-learn's loss
SAMPLE = 2000  # examples that answers are taken of


def answers(peer):
    """Return a trained peer's accuracy and mean loss on the first of its examples."""
    X, y = peer.job.X[:SAMPLE], peer.job.y[:SAMPLE]
    outputs = peer.outputs(X)
    of_class = np.clip(outputs[np.arange(len(y)), y], 1e-15, None)
    return {"accuracy": float((outputs.argmax(axis=1) == y).mean()), "loss": float(-np.log(of_class).mean())}


def check(job, learned):
    """Raise Wrong if a peer has not learned what scikit-learn's estimator has."""
    ours, theirs = learned[OURS]["accuracy"], learned[THEIRS]["accuracy"]
    if not abs(ours - theirs) <= ALLOWED:
        raise verify.Wrong(f"{job.case.name}: accuracies of {ours:.4f} here, {theirs:.4f} in scikit-learn")
    at_first = np.log(job.n_classes)
    least = LEAST_FALL * (at_first - learned[THEIRS]["loss"])
    for name, found in learned.items():
        if not at_first - found["loss"] >= least:
            raise verify.Wrong(
                f"{job.case.name}: {name} ends with a loss of {found['loss']:.4f}, scikit-learn with "
                f"{learned[THEIRS]['loss']:.4f}"
            )


def timed(case, names, threads, runs):
    """Check and time one case; return the row of results."""
    job, epochs = case.job(), case.epochs
    classes, absent = field.available(names, threads, peers.CLASSIFIERS)
    for name in [name for name, cls in classes.items() if job.is_sparse and not cls.takes_csr]:
        gigabytes = 8 * np.prod(job.X.shape, dtype=float) / 1e9
        absent[name] = f"takes dense rows: {gigabytes:.1f} GB of them"
        del classes[name]
    taking_part = {name: cls(job, threads) for name, cls in classes.items()}
    learned, seconds = {}, {name: [] for name in taking_part}
    for name, peer in taking_part.items():
        peer.train(0, epochs)
        learned[name] = answers(peer)
    check(job, learned)
    for run in range(runs):
        for name, peer in taking_part.items():
            seconds[name].append(peer.train(run, epochs) / epochs)
    return {
        "case": case.name,
        "sizes": job.sizes,
        "m": job.m,
        "n": job.X.shape[0],
        "epochs": epochs,
        "threads": threads,
        "target": case.target,
        "absent": absent,
        "peers": {name: machine.spread(taken) | learned[name] for name, taken in seconds.items()},
    }


def report(row):
    """Print a row for whoever waits."""
    print(f"\n{row['case']}  {row['sizes']}, {row['n']:,} examples in mini-batches of {row['m']}")
    print(f"  {'':14} {'ms an epoch':>12} {'min':>10} {'max':>10} {'ratio':>7} {'accuracy':>9} {'loss':>8}")
    for name, found in row["peers"].items():
        ratio = found["median"] / row["peers"][OURS]["median"]
        times = " ".join(
            f"{found[key] * 1e3:{width}.3f}" for key, width in (("median", 12), ("min", 10), ("max", 10))
        )
        goal = f"  at least {row['target']} is the target" if name == THEIRS else ""
        print(f"  {name:14} {times} {ratio:7.2f} {found['accuracy']:9.4f} {found['loss']:8.4f}{goal}")
    for name, reason in row["absent"].items():
        print(f"  {name:14} {reason}")
    sys.stdout.flush()


def scored(name, seeds):
    """Train both to the end from so many seeds; return the row of results, or raise Wrong."""
    from sklearn.model_selection import train_test_split

    make, parameters = cases.SCORED[name]
    X, y = make()
    accuracies = {OURS: [], THEIRS: []}
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.2, random_state=seed, stratify=y
        )
        case = cases.Case(name, make, parameters, 200, 0)
        for peer_name, found in accuracies.items():
            peer = peers.load(peer_name, peers.CLASSIFIERS)(
                cases.Job(case, X_train, y_train, cases.settings(parameters)), 1
            )
            peer.patience = 10
            peer.train(seed, case.epochs)
            found.append(float((peer.outputs(X_test).argmax(axis=1) == y_test).mean()))
    means = {peer: statistics.mean(found) for peer, found in accuracies.items()}
    errors = {peer: standard_error(found) for peer, found in accuracies.items()}
    if not abs(means[OURS] - means[THEIRS]) <= max(errors.values()):
        raise verify.Wrong(
            f"{name}: accuracies of {means[OURS]:.4f} here, {means[THEIRS]:.4f} in scikit-learn"
        )
    return {"case": name, "accuracies": accuracies, "means": means, "standard_errors": errors}


def standard_error(values):
    """Return that of their mean."""
    return statistics.stdev(values) / len(values) ** 0.5


def main():
    """Time all in turns, case by case; then compare accuracies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--cases", nargs="*", choices=cases.CASES, default=list(cases.CASES), metavar="NAME")
    parser.add_argument(
        "--peers", nargs="+", choices=peers.CLASSIFIERS, default=list(peers.CLASSIFIERS), metavar="NAME"
    )
    parser.add_argument("--seeds", type=int, default=0, metavar="S", help="at least 2; default: none")
    parser.add_argument("--quick", action="store_true", help="one turn of small cases, to see that it runs")
    arguments = parser.parse_args()
    if arguments.seeds == 1:
        parser.error("--seeds 1: a standard error needs two")
    machine.settle(arguments.threads, arguments.cpu)
    begun = time.perf_counter()
    names = [name for name in peers.CLASSIFIERS if name in (OURS, THEIRS, *arguments.peers)]
    chosen = [cases.CASES[name] for name in arguments.cases]
    if arguments.quick:
        chosen = [case for case in chosen if case.data in (cases.breast_cancer, cases.digits)]
    results = {"command": ["bench/estimators.py", *sys.argv[1:]], "rows": [], "seeds": []}
    try:
        for case in chosen:
            row = timed(case, names, arguments.threads, 1 if arguments.quick else arguments.runs)
            report(row)
            results["rows"].append(row)
        for name in cases.SCORED if arguments.seeds else ():
            results["seeds"].append(scored(name, arguments.seeds))
    except verify.Wrong as wrong:
        print(f"WRONG RESULT: {wrong}", file=sys.stderr)
        sys.exit(1)
    # Last, when every library that brings a BLAS is loaded.
    results["machine"] = machine.describe() | {"seconds": time.perf_counter() - begun}
    print(f"\n{tables.estimators(results)}")
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()
