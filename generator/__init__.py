"""fastgen: scaffolds FastAPI services and keeps them current."""

__version__ = "0.1.0.dev0"
