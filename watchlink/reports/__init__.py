"""What is told about a session once it is over."""
