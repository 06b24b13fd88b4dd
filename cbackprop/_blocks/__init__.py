"""More examples than memory holds: read in blocks, while others are trained on.

A source (`arrays`, `tables`) says how many rows there are, and reads some of them into buffers. `plan` says
which rows are read when, and in which order they are trained on; `reader` reads and packs them in a second
thread; `data` and `training` take the places of `DataSet`, `Trainer` and `Order`; `call` is a call of SGD
that has them.
"""

from cbackprop._blocks.call import BlockedCall

__all__ = ["BlockedCall"]
