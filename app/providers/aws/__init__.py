"""Amazon Web Services, read with its SDK for Python."""
