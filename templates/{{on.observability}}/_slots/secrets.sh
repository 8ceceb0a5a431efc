keep grafana_password "$(random)"
