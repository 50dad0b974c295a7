"""Attacks on what the product promises, kept as tests; what each must come to stands in README.md."""
