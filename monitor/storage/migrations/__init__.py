"""The schema, step by step; ``storage.engine`` runs the steps at start."""
