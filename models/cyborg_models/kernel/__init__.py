"""The model language and what runs on it."""
