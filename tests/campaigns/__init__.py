"""Campaigns: long runs with faults, of which `make test` does a short form."""
