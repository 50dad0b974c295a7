"""The example organization of `skyledger demo`: its invented estate, what that costs by now, and its settings."""
