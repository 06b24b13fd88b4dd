from typing import Any, Self, final

@final
class Csr:
    n: int
    n_in: int
    shape: tuple[int, int]
    dtype: Any
    def __new__(cls, data: Any, indices: Any, indptr: Any, n_in: int, name: str = "X") -> Self: ...
    def __len__(self) -> int: ...
