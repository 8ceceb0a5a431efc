"""The engine that changes a project: its state, the merge, the plan of files, applying it."""
