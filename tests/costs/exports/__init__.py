"""Exports of charges."""
