from typing import Any

def check_examples(
    net: Any,
    data: Any,
    name: str,
    labelled: bool = False,
    answers: bool = False,
    threshold: float | None = None,
) -> bool: ...
