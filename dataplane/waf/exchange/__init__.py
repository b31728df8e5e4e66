"""What passes between the data plane and the compile helper: messages, jobs, images, the cache."""
