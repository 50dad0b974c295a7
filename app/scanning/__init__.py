"""How the inventory is filled: today by rows that callers send, later by scans of clouds."""
