"""Data-parallel SGD over MPI: what the options comm, deterministic, average_every and timeout of SGD mean.

Every rank, a process of the communicator `comm`, makes the same call of SGD with its own part of the data,
its shard. A mini-batch of `mini_batch_size` examples is the union of the ranks' parts, as even as their
shards. In each step a rank computes the gradient of its part, the gradients are added up, and all ranks take
the same step: so their networks stay equal to the last bit. It is what one process does with that mini-batch,
up to rounding.

Shards may differ in length. Each epoch visits every example once; the n of λ/n is the joint number.

The network's parameters, velocities and moments, the random state, `resume`, `checkpoint` and `every` are
those of rank 0, whatever the others pass. All other options have to be equal. Each rank draws the order of
its shard from one random state and its number: a list keeps its order, and so does the global `random`, but
that rank 0 takes a seed from there if there is no `random_state`.

Evaluation data are spread in the same way: a rank passes its shard, of at least one example, and counts and
costs are those of all. Rank 0 prints. Callbacks are called on every rank; if one stops, all do.

With `deterministic`, the joint examples (those of rank 0, then those of rank 1, …) are cut into 12 strata, or
as many as the option says. Each is shuffled by itself, has its part of every mini-batch, and the sums over
these parts are added in the strata's order. So the result is the same to the last bit for any number of
ranks, up to the number of strata. It takes memory for a gradient of each stratum, and small parts of
mini-batches are slower. Where shards do not end as strata do, examples are sent to the rank that has their
stratum; with 1, 2, 3, 4, 6 or 12 ranks none are if rank r of R holds the examples from r n // R to before
(r + 1) n // R.

With `average_every` = k the ranks take k steps each for itself, on its share of `mini_batch_size`, and then
their parameters, velocities and moments are averaged (local SGD): for networks whose gradients take longer to
send than to compute. It is another algorithm, which learns less an epoch.

An error on one rank is an error on all of them, which names the rank; the parameters are those of the same
completed step. So it is with Ctrl-C. A rank that does not answer within `timeout` seconds (300) ends the
others in a TimeoutError. To have MPI end a rank that hangs then, run the script as ``python -m mpi4py
script.py``.
"""

from cbackprop._ranks._call import Ranks

__all__ = ["Ranks"]
