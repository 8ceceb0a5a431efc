keep queue_url "nats://service:$(random)@broker:4222"
keep queue_users "authorization { user: service, password: \"$(sed 's|.*service:\(.*\)@.*|\1|' queue_url)\" }
jetstream { store_dir: /data }
"
