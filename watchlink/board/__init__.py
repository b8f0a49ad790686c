"""What a facilitator sees while a session runs: one state, several ways to show it."""
