WITH owner AS (
    INSERT INTO users (id, email, is_active, role, is_app_admin)
    VALUES (%(user)s, 'bench@example.com', true, 'user', false)
    RETURNING id
)
INSERT INTO items (id, owner_id, name, description, is_published)
SELECT lpad(to_hex(n), 32, '0')::uuid, owner.id, 'Item ' || n, 'A few words', true
FROM owner, generate_series(1, %(rows)s) n
