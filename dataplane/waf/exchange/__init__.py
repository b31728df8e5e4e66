"""The exchange between data plane and compile helper: messages, jobs, images, the cache."""
