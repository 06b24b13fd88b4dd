"""Data-parallel gradient descent by hand: the flat gradient of each rank's examples, averaged by MPI.

    mpiexec -n 2 python docs/support/mpi_by_hand.py

The loop knows no layers: it is the same for any network, and for any optimiser of a vector.
"""

import numpy as np
from mpi4py import MPI

from cbackprop import mnist_loader, network2

comm = MPI.COMM_WORLD
training_data, validation_data, test_data = mnist_loader.load_data()
X, labels = (part[comm.rank :: comm.size] for part in training_data)  # every rank's own examples
net = network2.Network([784, 30, 10], random_state=1)  # the same on all ranks
draw = np.random.default_rng(comm.rank)
for _ in range(300):
    batch = draw.integers(0, len(X), 64)
    gradient, cost = net.flat_gradient(X[batch], labels[batch])
    comm.Allreduce(MPI.IN_PLACE, gradient)
    net.parameters -= 1.0 * gradient / comm.size
correct = net.accuracy(test_data)
if comm.rank == 0:
    print(f"{comm.size} ranks: {correct} of {len(test_data[1])} test images")
assert len(set(comm.allgather(net.parameters.tobytes()))) == 1
