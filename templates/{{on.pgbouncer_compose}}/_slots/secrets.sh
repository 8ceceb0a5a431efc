{% from 'templates/_shared/pgbouncer.jinja' import database with context %}
keep database_direct_url "postgresql://{{ database }}:$(cat database_password)@database:5432/{{ database }}"
keep pgbouncer_users "\"{{ database }}\" \"$(cat database_password)\""
