"""Prices in other currencies, at the rates of an external service."""
