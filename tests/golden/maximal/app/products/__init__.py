"""The resource `products`."""
