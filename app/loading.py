"""Loading what stays for as long as the process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Look for no garbage in the block, nor later among what it made, which stays.

    Measured on an API that starts: 0.8 of its 2.7 s of processor time were collections, which found 1,700 objects among
    237,000. One that comes later, in a request, would take 0.25 s.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
