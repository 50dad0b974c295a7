"""The examples of docs/, run as they stand there."""
