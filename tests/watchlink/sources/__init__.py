"""Sources, each by itself."""
