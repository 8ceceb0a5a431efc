INSERT INTO dummy_model (name) SELECT 'Dummy ' || n FROM generate_series(1, %(rows)s) n
