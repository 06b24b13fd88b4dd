"""PyTorch on the processor: as its tutorials write it, and by hand without autograd."""

import numpy as np
import torch

from peers.peer import Peer


class TorchAutograd(Peer):
    """`nn.Sequential`, the loss's `backward()` and `torch.optim.SGD`."""

    name = "PyTorch"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        torch.set_num_threads(threads)
        self.X, self.Y = torch.from_numpy(job.X), torch.from_numpy(job.Y)

    def restart(self):
        layers = []
        for w, b in zip(self.job.weights, self.job.biases, strict=True):
            linear = torch.nn.Linear(w.shape[1], w.shape[0], dtype=self.X.dtype)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w.copy()))
                linear.bias.copy_(torch.from_numpy(b.ravel().copy()))
            layers += [linear, torch.nn.Sigmoid()]
        self.model = torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.job.shape.eta)
        # Half the squared error summed over the outputs, averaged over the mini-batch.
        self.loss = torch.nn.MSELoss(reduction="sum")

    def epoch(self, order):
        for rows in torch.from_numpy(order).split(self.job.shape.m):
            loss = self.loss(self.model(self.X[rows]), self.Y[rows]) * (0.5 / len(rows))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def parameters(self):
        linear = self.model[::2]
        return (
            [layer.weight.detach().numpy() for layer in linear],
            [layer.bias.detach().numpy()[:, np.newaxis] for layer in linear],
        )


class TorchByHand(TorchAutograd):
    """The equations written out with PyTorch's fused, in-place operations."""

    name = "PyTorch by hand"

    def restart(self):
        self.w = [torch.from_numpy(w.copy()) for w in self.job.weights]
        self.b = [torch.from_numpy(b.ravel().copy()) for b in self.job.biases]

    @torch.inference_mode()
    def epoch(self, order):
        slope = torch.ops.aten.sigmoid_backward  # d and a to d * a * (1 - a)
        for rows in torch.from_numpy(order).split(self.job.shape.m):
            step = -self.job.shape.eta / len(rows)
            a = [self.X[rows]]
            for w, b in zip(self.w, self.b, strict=True):
                a.append(torch.addmm(b, a[-1], w.t()).sigmoid_())
            error = a[-1] - self.Y[rows]
            for layer in reversed(range(len(self.w))):
                w, b = self.w[layer], self.b[layer]
                delta = slope(error, a[layer + 1])
                if layer:
                    error = delta @ w
                w.addmm_(delta.t(), a[layer], alpha=step)
                b.add_(delta.sum(0), alpha=step)

    def parameters(self):
        return [w.numpy() for w in self.w], [b.numpy()[:, np.newaxis] for b in self.b]
