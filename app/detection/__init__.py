"""Finds waste: pure checks over what is stored. No SQL, no SDK, no network; facts in, findings out."""
