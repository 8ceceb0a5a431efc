"""The resource `reviews`."""
