keep queue_url "redis://default:$(random)@broker:6379/0"
keep queue_users "user default on >$(sed 's|.*default:\(.*\)@.*|\1|' queue_url) ~* &* +@all"
