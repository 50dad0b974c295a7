"""Proofs of the embedded engines, on real processes."""
