keep queue_url "amqp://service:$(random)@broker:5672/"
keep queue_users "default_user = service
default_pass = $(sed 's|.*service:\(.*\)@.*|\1|' queue_url)
"
