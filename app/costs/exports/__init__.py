"""Writing charges as files of FOCUS 1.2, 1.3 and 1.4."""
