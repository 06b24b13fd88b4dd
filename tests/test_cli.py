"""The command: what it prints, what its options do, and how it refuses what is wrong."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from support.small_mnist import N_TEST, NPZ_NAMES, make_bytes

COMMAND = Path(sysconfig.get_path("scripts")) / "cbackprop"
SMALL = ("--sizes", "784,10", "--epochs", "2", "--mini-batch-size", "100", "--eta", "0.5")
OPTIONS = ("--data", "--sizes", "--epochs", "--mini-batch-size", "--eta", "--seed", "--dtype")
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="signals and pipes as in POSIX")


@pytest.fixture
def run(tmp_path):
    """Run a command in an empty folder, with no MNIST in reach but the package's sample."""
    environment = {key: text for key, text in os.environ.items() if key != "CBACKPROP_MNIST"}

    def run(*command, **variables):
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def assert_trained(done, epochs=2, images=1000):
    """The book's lines come first, then the seconds of both networks and their ratio."""
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for j, line in enumerate(lines[:epochs]):
        assert re.fullmatch(rf"Epoch {j}: \d+ / {images}", line)
    assert lines[epochs] == ""
    rest = "\n".join(lines[epochs + 1 :])
    assert "Epoch" not in rest
    ours, reference, ratio = (
        float(re.search(rf"^  {name} +([\d.e-]+)", rest, re.MULTILINE).group(1))
        for name in ("cbackprop", "NumPy reference", "ratio")
    )
    # The seconds are printed with four digits, the ratio with one after the point.
    assert ratio == pytest.approx(reference / ours, rel=2e-3, abs=0.06)


def correct(done):
    """The numbers of right answers, one an epoch."""
    return [int(number) for number in re.findall(r"^Epoch \d+: (\d+) /", done.stdout, re.MULTILINE)]


def test_the_command_trains_and_times(run):
    done = run(COMMAND, *SMALL)
    assert_trained(done)
    assert "a run: 2 epochs, reading the data included" in done.stdout
    assert "5,000 training and 1,000 test images" in done.stderr
    assert "Warning" not in done.stderr


def test_python_m_is_the_command(run):
    assert_trained(run(sys.executable, "-m", "cbackprop", *SMALL))


def test_with_no_arguments_it_runs_the_main_job(run):
    done = run(COMMAND)
    assert_trained(done, epochs=30)
    assert "float64" in done.stdout
    # From some starts one to three digits never come up; the others are learned all the same.
    assert max(correct(done)) > 600


def test_seed_makes_a_run_repeatable(run):
    first, again, other = (correct(run(COMMAND, *SMALL, "--seed", seed)) for seed in "778")
    assert first == again != other


def test_seed_gives_what_the_seeded_script_gives(run):
    script = (
        "import random, numpy; random.seed(7); numpy.random.seed(7)\n"
        "from cbackprop import mnist_loader, network\n"
        "training_data, _, test_data = mnist_loader.load_data_wrapper()\n"
        "network.Network([784, 10]).SGD(training_data, 2, 100, 0.5, test_data=test_data)\n"
    )
    by_script = run(sys.executable, "-W", "ignore", "-c", script)
    lines = by_script.stdout.splitlines()
    assert len(lines) == 2, by_script.stderr
    assert run(COMMAND, *SMALL, "--seed", "7").stdout.splitlines()[:2] == lines


def test_dtype_is_the_networks(run):
    done = run(COMMAND, *SMALL, "--dtype", "float32")
    assert_trained(done)
    assert "float32" in done.stdout
    assert "float64" not in done.stdout


def test_sizes_mini_batch_size_and_eta_reach_the_network(run):
    # One mini-batch holds all 5,000 images, and a step of 1e-12 changes no answer.
    done = run(
        COMMAND,
        *("--sizes", "784,5,5,10", "--epochs", "3", "--mini-batch-size", "5000", "--eta", "1e-12"),
    )
    assert_trained(done, epochs=3)
    assert len(set(correct(done))) == 1


def test_data_named_by_option_or_variable_is_read(run, tmp_path):
    named = tmp_path / "digits.npz"
    np.savez(named, **dict(zip(NPZ_NAMES, make_bytes(), strict=True)))
    for done in (
        run(COMMAND, *SMALL, "--data", named),
        run(COMMAND, *SMALL, CBACKPROP_MNIST=str(named)),
    ):
        assert_trained(done, images=N_TEST)
        assert "Seconds an epoch of 10 examples" in done.stdout
        assert "sample" not in done.stderr


def test_help_names_every_option_and_its_default(run):
    done = run(COMMAND, "--help")
    assert done.returncode == 0
    for option in OPTIONS:
        assert f"\n  {option} " in done.stdout
    for default in ("784,30,10", "30)", "10)", "3.0)", "float64)"):
        assert f"default: {default}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes", "784,x,10"), "'784,x,10' is not a list of whole numbers"),
        (("--sizes", "784"), "'784': give two or more layers"),
        (("--sizes", "784,0,10"), "layers of at least 1 neuron"),
        (("--sizes", "2,3,1"), "the first must be 784"),
        (("--sizes", "784,30,9"), "the last 10"),
        (("--sizes", "784,100000000000000000000,10"), "argument --sizes: "),
        (("--epochs", "0"), "argument --epochs: '0' is not a whole number from 1"),
        (("--epochs", "many"), "argument --epochs: 'many'"),
        (("--mini-batch-size", "0"), "argument --mini-batch-size: '0'"),
        (("--mini-batch-size", "2.5"), "argument --mini-batch-size: '2.5'"),
        (("--eta", "fast"), "argument --eta: 'fast' is not a number above 0"),
        (("--eta", "0"), "argument --eta: '0'"),
        (("--eta", "nan"), "argument --eta: 'nan'"),
        (("--eta", "inf"), "argument --eta: 'inf'"),
        (("--seed", "-1"), "argument --seed: '-1' is not a whole number from 0"),
        (("--seed", "4294967296"), "argument --seed: '4294967296'"),
        (("--seed", "one"), "argument --seed: 'one' is not a whole number from 0"),
        (("--dtype", "float16"), "argument --dtype: invalid choice: 'float16'"),
        (("--data", "no such file"), "does not exist: no such file"),
        (("--data", "."), "holds neither mnist.pkl.gz nor mnist.npz"),
        (("--rate", "3"), "unrecognized arguments: --rate 3"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(run, arguments, said):
    done = run(COMMAND, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("cbackprop: error: ")
    assert said in last


def test_a_damaged_file_is_named_with_what_is_wrong(run, tmp_path):
    (tmp_path / "notes.txt").write_text("no digits here")
    done = run(COMMAND, "--data", "notes.txt")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "notes.txt: not an MNIST file" in done.stderr.splitlines()[-1]


def started(*arguments, folder):
    """The command, running, with pipes to read from."""
    # A job in the background ignores SIGINT, and so would its child.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)


@POSIX_ONLY
def test_ctrl_c_ends_it_with_a_line_and_130(tmp_path):
    with started("--epochs", "1000000", folder=tmp_path) as process:
        assert process.stdout.readline().startswith("Epoch 0: ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "cbackprop: interrupted"
    assert "Traceback" not in errors


@POSIX_ONLY
def test_a_pipe_closed_early_is_no_error(tmp_path):
    with started(*SMALL, folder=tmp_path) as process:
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=20)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "Exception" not in errors
