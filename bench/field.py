"""The peers of a row: who takes part, who does not and why, and what was found out about each."""

import sys
import traceback
from pathlib import Path

import peers
import verify
from peers.outside import in_a_line

NO_REFERENCE = "no reference was run"


def available(names, threads, modules=peers.MODULES):
    """Return the classes of the peers that can take part, and why the others cannot."""
    classes, absent = {}, {}
    for name in names:
        try:
            cls = peers.load(name, modules)
        except (ImportError, AttributeError, OSError) as error:
            absent[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        if threads > 1 and cls.one_thread_only:
            absent[name] = "runs one thread"
        else:
            classes[name] = cls
    return classes, absent


class Field:
    """The peers of one row. One whose result is wrong, or that raises, leaves; the others go on."""

    def __init__(self, classes, absent, job):
        self.job = job
        self.absent = absent
        self.wrong, self.raised = {}, {}
        self.classes = {}
        for name, cls in classes.items():
            self.classes[name] = cls
            why = self.attempt(name, lambda cls=cls: left_out(cls, job) or "")
            if why:
                absent[name] = why
                del self.classes[name]

    def attempt(self, name, call, *arguments):
        """Return what a call of a peer's returns; None where the peer leaves for what it did."""
        try:
            return call(*arguments)
        except ImportError as error:  # one that finds out late what it lacks
            self.absent[name] = in_a_line(error)
        except verify.Wrong as wrong:
            self.wrong[name] = str(wrong)
        except (Exception, SystemExit) as error:
            last = (traceback.extract_tb(error.__traceback__) or [None])[-1]
            where = f" ({Path(last.filename).name}:{last.lineno})" if last else ""
            self.raised[name] = f"{in_a_line(error)}{where}"
        self.classes.pop(name, None)
        return None

    def check(self, threads):
        """Make every peer and check what it learns; return the peers, and what was found, by name.

        The reference is the NumPy reference, or the NumPy peer where that one does not take part.
        """
        self.reference, expected = None, None
        for name in [name for name in verify.REFERENCES if name in self.classes]:
            expected = self.attempt(name, verify.trained, self.classes[name], self.job, threads)
            if expected is not None:
                self.reference = name
                break
        found, taking_part, learned = {}, {}, None
        for name in sorted(self.classes, key=lambda name: name != self.reference):
            checked = self.attempt(name, self.check_one, name, threads, expected, learned)
            if checked is not None:
                taking_part[name], found[name] = checked
                if name == self.reference:
                    learned = found[name]
        self.nothing_learned = learned is not None and not learned["cost_after"] < learned["cost_before"]
        order = [name for name in self.classes if name in taking_part]
        return {name: taking_part[name] for name in order}, found

    def check_one(self, name, threads, expected, learned):
        """Return a peer, ready, and what was found: seconds an epoch, costs, accuracy, how it was checked."""
        cls, apart = self.classes[name], None
        if name == self.reference:
            apart, how = 0.0, "the reference"
        elif self.reference is None:
            how = NO_REFERENCE
        elif cls.same_cost:
            apart = verify.same_parameters(name, cls, self.job, threads, self.reference, expected)
            how = "same parameters"
        else:
            how = "its cost falls" if self.job.X_test is None else "accuracy"
        peer = cls(self.job, threads)
        return peer, verify.learning(peer, learned) | {"difference": apart, "check": how}


def left_out(cls, job):
    """Return why a peer does not train this job, or None."""
    if job.shape.slow and cls.left_out_if_slow:
        return "left out: it would take minutes"
    if job.shape.saturated and cls.own_start:
        return "left out: starts from weights of its own, which are not saturated"
    if job.X.dtype.name not in cls.dtypes:
        return f"left out: has {' and '.join(cls.dtypes)} alone"
    return None


def report(row):
    """Print a row for whoever waits."""
    unit = "an epoch" if row["epochs"] == 1 else f"{row['epochs']:,} epochs"
    print(
        f"\n{row['shape']}  {row['dtype']}, {row['threads']} thread(s), {row['n']:,} examples "
        f"of {row['data']} ({row['density']:.0%} not zero)"
    )
    print(
        f"  matrix-product peak {row['peak_gflops']:.1f} GFLOP/s: dense limit "
        f"{row['dense_limit']:.4g} s {unit}"
    )
    ours = row["peers"].get("cbackprop")
    print(
        f"  {'':16} {'seconds ' + unit:>20} {'min':>9} {'max':>9} {'ratio':>7} {'accuracy':>9} "
        f"{'difference':>11}  checked by"
    )
    for name, times in row["peers"].items():
        ratio = f"{times['median'] / ours['median']:.2f}" if ours else "-"
        recognised = "-" if times["accuracy"] is None else f"{times['accuracy']:.1%}"
        apart = "-" if times["difference"] is None else f"{times['difference']:.1e}"
        print(
            f"  {name:16} {times['median']:20.4f} {times['min']:9.4f} {times['max']:9.4f} "
            f"{ratio:>7} {recognised:>9} {apart:>11}  {times['check']}"
        )
    for reasons, title in (("absent", ""), ("wrong", "WRONG RESULT: "), ("raised", "raised ")):
        for name, reason in row[reasons].items():
            print(f"  {name:16} {title}{reason}")
    if row["nothing_learned"]:
        print("  the reference's cost did not fall, so what is learned was not compared")
    sys.stdout.flush()
