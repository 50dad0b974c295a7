"""Campaigns: long runs with faults, of which `make rehearsal` does a short form."""
