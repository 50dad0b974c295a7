"""What Skyledger tells people outside the graph: mail."""
