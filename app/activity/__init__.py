"""What happened in an organization: recorded in the causing transaction, streamed in order, kept for a time."""
