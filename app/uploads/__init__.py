"""Uploads: files that callers send byte by byte, resumed where they broke off, checked, and opened for importers."""
