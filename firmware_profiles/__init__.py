"""What wearables send (bytes and their meaning) and what each wearable's firmware really does."""
