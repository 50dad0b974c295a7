"""What is old is not walked again, and yet no garbage grows without end. In a process of its own: it changes that."""

from __future__ import annotations

import subprocess
import sys

_SETS_ASIDE = """
import gc
from app.server import garbage
garbage.WALK_SECONDS = 3_600
class Ring:
    living = 0
    def __init__(self):
        self.ring = self
        Ring.living += 1
    def __del__(self):
        Ring.living -= 1
garbage.set_old_objects_aside()
garbage.set_old_objects_aside()
assert len(gc.callbacks) == 1
began = gc.get_freeze_count()
assert began > 0 and not gc.get_objects(generation=2)
kept = [Ring() for _ in range(1000)]
gc.collect()
assert gc.get_freeze_count() >= began + 1000, "what outlives a full collection is set aside"
lists = [[] for _ in range(5000)]
gc.collect()
aside = gc.get_freeze_count()
lists.clear()
assert gc.get_freeze_count() == aside - 5000, "counted references free what is set aside"
kept.clear()
gc.collect()
assert Ring.living == 1000, "a ring that died among what is set aside waits"
for _ in range(200):
    kept.extend(Ring() for _ in range(1000))
    kept.clear()
    gc.collect()
assert Ring.living == 1000, "and one that was never set aside does not"
kept.extend(Ring() for _ in range(1000))
gc.collect()
kept.clear()
gc.collect()
assert Ring.living == 2000, "those that wait"
garbage._callback._walk_at = 0.0
gc.collect()
assert Ring.living == 0, "are found when everything is walked"
assert gc.get_freeze_count() > began * 0.9, "and the others are set aside again"
print("ok")
"""


def test_old_objects_are_set_aside_and_dead_rings_among_them_found_in_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", _SETS_ASIDE], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "ok\n", done.stderr
