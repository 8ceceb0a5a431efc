"""What is rendered: files, their checkers, and that they agree."""
