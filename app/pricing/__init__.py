"""What things cost before a bill says so: dated prices with their source, looked up for checks."""
