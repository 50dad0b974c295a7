"""What people do with all that is kept about them: take it along, and have it erased."""
