"""What developers run: generators and checks of what is generated."""
