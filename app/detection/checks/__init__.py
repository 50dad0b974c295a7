"""The checks themselves, a file for each cloud and area."""
