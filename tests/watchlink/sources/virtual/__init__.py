"""Virtual people and their wearables."""
