{% set database = project_name | replace('-', '_') %}
{% set address = {'postgresql': 'pgbouncer:6432' if on.get('pgbouncer') else 'database:5432', 'mysql': 'database:3306'} %}
{% set scheme = 'postgresql' if db_driver in ['asyncpg', 'psycopg'] else 'mysql' %}
keep database_password "$(random)"
keep database_url "{{ scheme }}://{{ database }}:$(cat database_password)@{{ address[scheme] }}/{{ database }}"
