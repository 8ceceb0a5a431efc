"""The demo service."""
