password=$(random)
keep cache_url "redis://default:$password@cache:6379/0"
# The server's list of users: one, with everything allowed, as the network is the service's own.
keep cache_users "user default on >$(sed 's|redis://default:\(.*\)@.*|\1|' cache_url) ~* &* +@all"
