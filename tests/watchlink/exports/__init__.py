"""Exports, each read again by somebody who knows nothing of us."""
