"""The default project behind the rendered nginx."""
